using System.Buffers;
using System.Globalization;

namespace QedVd.Host;

/// <summary>What a platform does to make a file that gets its name late.</summary>
internal abstract class PendingPlace(string path, PendingFileOptions options)
{
    private const string Suffix = ".qedvd-new";
    private const int DigitCount = 16;

    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789abcdef");

    protected string Path { get; } = path;

    protected PendingFileOptions Options { get; } = options;

    protected string Folder { get; } = System.IO.Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".";

    /// <summary>The temporary name, while there is one.</summary>
    protected string? TemporaryPath { get; set; }

    public static ImageException AlreadyExists(string path) =>
        StorageErrors.Create(ImageErrorKind.AlreadyExists, path, "create", "cannot create: the file exists; choose another name, or ask for it to be overwritten.");

    /// <summary>Removes what killed runs left behind, makes the file, and locks it.</summary>
    /// <param name="replaced">The file that is to be replaced, which is locked.</param>
    public abstract FileStorage CreateStorage(FileStorage? replaced);

    /// <summary>Gives the new file mode and owner of the one it replaces.</summary>
    public abstract void CopyRights(HostFile replaced);

    /// <summary>Gives the file its name, which must be free.</summary>
    public abstract void Link();

    /// <summary>Puts the file in the place of another, which must still have the name.</summary>
    public abstract void Replace(FileStorage replaced);

    /// <summary>Makes the name durable.</summary>
    public abstract void FlushFolder();

    /// <summary>Takes the name back after it could not be made durable; what had it gets it again. False where that failed. Never throws.</summary>
    public abstract bool TryWithdraw();

    /// <summary>Lets go of what <see cref="TryWithdraw"/> would need. Never throws.</summary>
    public abstract void Settle();

    /// <summary>Removes the temporary name, if there is one. Never throws.</summary>
    public abstract void Abandon();

    public static ImageException CannotReplace(string path) =>
        StorageErrors.Create(ImageErrorKind.InUse, path, "publish", "cannot replace: another file has got this name meanwhile; it was left alone.");

    /// <summary>A name that is removed by the next run that makes a file in that folder, should this one be killed.</summary>
    public static string NewTemporaryPath(string folder) =>
        System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".{Random.Shared.NextInt64() ^ (Random.Shared.NextInt64() << 1):x16}{Suffix}"));

    /// <summary>Removes a temporary name. Never throws.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next run in this folder tries again.
        }
    }

    /// <summary>The files of the folder that have a temporary name.</summary>
    protected IEnumerable<string> FindLeftovers()
    {
        try
        {
            return [.. Directory.EnumerateFiles(Folder, $".*{Suffix}", new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = true }).Where(IsTemporary)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A folder that can be written but not listed, or none at all, which the creation will say.
            return [];
        }
    }

    private static bool IsTemporary(string path)
    {
        ReadOnlySpan<char> name = System.IO.Path.GetFileName(path.AsSpan());
        return name.Length == 1 + DigitCount + Suffix.Length && name[0] == '.' && !name.Slice(1, DigitCount).ContainsAnyExcept(s_digits);
    }
}
