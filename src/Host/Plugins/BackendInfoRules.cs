using System.Text.RegularExpressions;

namespace QedVd.Host;

/// <summary>A backend's description, validated like input and copied, so that nothing of the plugin stays in it and nothing in it changes.</summary>
internal static partial class BackendInfoRules
{
    private const int MaxExtensions = 32;
    private const int MaxOptions = 64;
    private const int MaxNameChars = 100;
    private const int MaxDescriptionChars = 400;
    private const ImageCapabilities AllCapabilities = (ImageCapabilities)(((int)ImageCapabilities.Preferred << 1) - 1);

    /// <exception cref="PluginRefusedException">The description is not acceptable.</exception>
    public static BackendInfo Copy(BackendInfo? info, string typeName)
    {
        if (info is null)
        {
            throw new PluginRefusedException($"the backend '{typeName}' gives no description (Info is null).");
        }

        Require(info.Id is not null && Id().IsMatch(info.Id), typeName, "Info.Id", info.Id, "1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first");
        Require(IsLine(info.DisplayName, MaxNameChars) && info.DisplayName.Trim().Length > 0, typeName, "Info.DisplayName", info.DisplayName, $"one line of 1 to {MaxNameChars} characters");
        Require((info.Capabilities & ~AllCapabilities) == 0, typeName, "Info.Capabilities", info.Capabilities.ToString(), "capabilities that the contract names");
        Require(info.ProbeBytes >= 0, typeName, "Info.ProbeBytes", info.ProbeBytes.ToString(System.Globalization.CultureInfo.InvariantCulture), "0 or more");

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
            Require(extension is not null && Extension().IsMatch(extension), typeName, "Info.FileExtensions", extension, "lower case, a dot first");
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
            Require(option!.Name is not null && OptionName().IsMatch(option.Name), typeName, "the name of an option", option.Name, "1 to 64 of a-z, 0-9, '_' and '-', a letter first");
            Require(names.Add(option.Name!), typeName, "the name of an option", option.Name, "each name once");
            Require(Enum.IsDefined(option.Kind), typeName, $"the kind of option '{option.Name}'", option.Kind.ToString(), "a kind that the contract names");
            Require(IsLine(option.Description, MaxDescriptionChars), typeName, $"the description of option '{option.Name}'", option.Description, $"one line of at most {MaxDescriptionChars} characters");
            Require(option.DefaultValue is null || IsLine(option.DefaultValue, MaxNameChars), typeName, $"the default of option '{option.Name}'", option.DefaultValue, $"one line of at most {MaxNameChars} characters");
        }

        return copy;
    }

    private static bool IsLine(string? text, int maxChars) => text is not null && text.Length <= maxChars && PluginText.IsOneLine(text);

    private static void Require(bool condition, string typeName, string field, string? value, string rule)
    {
        if (!condition)
        {
            throw Refuse(typeName, field, value is null ? "null" : $"'{PluginText.OneLine(value)}'", rule);
        }
    }

    private static PluginRefusedException Refuse(string typeName, string field, string value, string rule) =>
        new($"the backend '{typeName}' describes itself wrongly: {field} is {value}; allowed: {rule}.");

    [GeneratedRegex("^[a-z][a-z0-9._-]{0,31}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^\\.[a-z0-9._-]{1,15}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Extension();

    [GeneratedRegex("^[a-z][a-z0-9_-]{0,63}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex OptionName();
}
