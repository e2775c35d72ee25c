using System.Text;

namespace QedVd.Host;

/// <summary>A parent's name as an image gives it: only a plain file name is ever followed.</summary>
internal static class ParentName
{
    public const int MaxBytes = 4095;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// The name, if it is a plain file name; else null and the reason as the end of a sentence. What stands before a colon in the first part of a name
    /// is a scheme ("nbd:", "json:", "file:", "http:", "fat:"): such a name means something other than a file to other programs.
    /// </summary>
    public static string? GetPlain(ParentReference parent, out string reason)
    {
        ReadOnlySpan<byte> bytes = parent.NameBytes;
        if (bytes.Length is 0 or > MaxBytes)
        {
            reason = $"has {bytes.Length} bytes, where 1 to {MaxBytes} are allowed";
            return null;
        }

        if (bytes.Contains((byte)0))
        {
            reason = "contains a NUL byte";
            return null;
        }

        string name;
        try
        {
            name = s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            reason = "is not UTF-8";
            return null;
        }

        int colon = name.IndexOf(':', StringComparison.Ordinal);
        int slash = name.IndexOfAny(['/', Path.DirectorySeparatorChar]);
        if (colon >= 0 && (slash < 0 || colon < slash) && !IsDriveLetter(name, colon, slash))
        {
            reason = $"has the scheme '{DisplayText.Escape(name[..(colon + 1)])}', and only plain file names are opened (write './NAME' for a file with a colon in its name)";
            return null;
        }

        reason = "";
        return name;
    }

    /// <summary>The full path that a plain name means to the image in <paramref name="childFolder"/>: worked out from the names alone.</summary>
    public static string Resolve(string name, string childFolder) => Path.GetFullPath(name, childFolder);

    /// <summary>The full path that a parent's name means, or null when it is no plain file name.</summary>
    public static string? TryResolve(ParentReference? parent, string childPath) =>
        parent is not null && GetPlain(parent, out _) is { } name && Path.GetDirectoryName(childPath) is { } folder ? Resolve(name, folder) : null;

    private static bool IsDriveLetter(string name, int colon, int slash) =>
        OperatingSystem.IsWindows() && colon == 1 && slash == 2 && char.IsAsciiLetter(name[0]);
}
