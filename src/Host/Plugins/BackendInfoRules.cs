namespace QedVd.Host;

/// <summary>A backend's description, validated like input and copied, so that nothing of the plugin stays in it and nothing in it changes.</summary>
internal static class BackendInfoRules
{
    private const int MaxExtensions = 32;
    private const int MaxOptions = 64;
    private const int MaxNameChars = 100;
    private const int MaxDescriptionChars = 400;
    private const int MaxIdChars = 32;
    private const int MaxOptionNameChars = 64;
    private const int MaxExtensionChars = 16;
    private const ImageCapabilities AllCapabilities = (ImageCapabilities)(((int)ImageCapabilities.Preferred << 1) - 1);

    /// <exception cref="PluginRefusedException">The description is not acceptable.</exception>
    public static BackendInfo Copy(BackendInfo? info, string typeName)
    {
        if (info is null)
        {
            throw new PluginRefusedException($"the backend '{typeName}' gives no description (Info is null).");
        }

        Require(IsId(info.Id), typeName, "Info.Id", info.Id, "1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first");
        Require(IsLine(info.DisplayName, MaxNameChars) && info.DisplayName.Trim().Length > 0, typeName, "Info.DisplayName", info.DisplayName, $"one line of 1 to {MaxNameChars} characters");
        if ((info.Capabilities & ~AllCapabilities) != 0)
        {
            throw Refuse(typeName, "Info.Capabilities", $"'{info.Capabilities}'", "capabilities that the contract names");
        }

        if (info.ProbeBytes < 0)
        {
            throw Refuse(typeName, "Info.ProbeBytes", $"'{info.ProbeBytes}'", "0 or more");
        }

        return info with
        {
            FileExtensions = CopyExtensions(info.FileExtensions, typeName),
            Options = CopyOptions(info.Options, typeName),
        };
    }

    private static string[] CopyExtensions(IReadOnlyList<string>? extensions, string typeName)
    {
        string[] copy = [.. (extensions ?? throw Refuse(typeName, "Info.FileExtensions", "null", "a list, empty where there is none")).Take(MaxExtensions + 1)];
        Require(copy.Length <= MaxExtensions, typeName, "Info.FileExtensions", "a longer list", $"at most {MaxExtensions} extensions");
        foreach (string extension in copy)
        {
            Require(IsExtension(extension), typeName, "Info.FileExtensions", extension, "lower case, a dot first");
        }

        return copy;
    }

    private static OptionDescriptor[] CopyOptions(IReadOnlyList<OptionDescriptor>? options, string typeName)
    {
        OptionDescriptor[] copy = [.. (options ?? throw Refuse(typeName, "Info.Options", "null", "a list, empty where there is none")).Take(MaxOptions + 1)];
        Require(copy.Length <= MaxOptions, typeName, "Info.Options", "a longer list", $"at most {MaxOptions} options");
        HashSet<string> names = [];
        foreach (OptionDescriptor? option in copy)
        {
            Require(option is not null, typeName, "Info.Options", value: null, "no null in it");
            Require(IsOptionName(option!.Name), typeName, "the name of an option", option.Name, "1 to 64 of a-z, 0-9, '_' and '-', a letter first");
            Require(names.Add(option.Name!), typeName, "the name of an option", option.Name, "each name once");
            if ((uint)option.Kind > (uint)OptionKind.Switch)
            {
                throw Refuse(typeName, $"the kind of option '{option.Name}'", $"'{option.Kind}'", "a kind that the contract names");
            }

            if (!IsLine(option.Description, MaxDescriptionChars))
            {
                throw Refuse(typeName, $"the description of option '{option.Name}'", Quote(option.Description), $"one line of at most {MaxDescriptionChars} characters");
            }

            if (option.DefaultValue is not null && !IsLine(option.DefaultValue, MaxNameChars))
            {
                throw Refuse(typeName, $"the default of option '{option.Name}'", Quote(option.DefaultValue), $"one line of at most {MaxNameChars} characters");
            }
        }

        return copy;
    }

    private static bool IsLine(string? text, int maxChars) => text is not null && text.Length <= maxChars && PluginText.IsOneLine(text);

    private static void Require(bool condition, string typeName, string field, string? value, string rule)
    {
        if (!condition)
        {
            throw Refuse(typeName, field, Quote(value), rule);
        }
    }

    private static string Quote(string? value) => value is null ? "null" : $"'{PluginText.OneLine(value)}'";

    private static PluginRefusedException Refuse(string typeName, string field, string value, string rule) =>
        new($"the backend '{typeName}' describes itself wrongly: {field} is {value}; allowed: {rule}.");

    // Plain loops: this runs at the start of every program, where regular expressions or SearchValues cost milliseconds to compile.
    private static bool IsId(string? text) => text is { Length: >= 1 and <= MaxIdChars } && char.IsAsciiLetterLower(text[0]) && IsOf(text, '.');

    private static bool IsOptionName(string? text) => text is { Length: >= 1 and <= MaxOptionNameChars } && char.IsAsciiLetterLower(text[0]) && IsOf(text, '-');

    private static bool IsExtension(string? text) => text is { Length: >= 2 and <= MaxExtensionChars } && text[0] == '.' && IsOf(text, '.');

    /// <summary>Whether the text has only a-z, 0-9, '_', '-' and one more character.</summary>
    private static bool IsOf(string text, char further)
    {
        foreach (char character in text)
        {
            if (!char.IsAsciiLetterLower(character) && !char.IsAsciiDigit(character) && character is not ('_' or '-') && character != further)
            {
                return false;
            }
        }

        return true;
    }
}
