using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>What a format lets a user choose, made of its own descriptions.</summary>
internal static class FormatOptionsHelp
{
    public static void Write(TextWriter output, IImageBackend backend)
    {
        OptionDescriptor[] options = [.. backend.Info.Options.Where(option => option.IsCreateOnly)];
        if (options.Length == 0)
        {
            output.WriteLine($"{backend.Info.Id} ({backend.Info.DisplayName}) has no options.");
            return;
        }

        output.WriteLine($"Options of {backend.Info.Id} ({backend.Info.DisplayName}):");
        HelpWriter.WriteRows(output, [.. options.Select(option => ($"{option.Name}={ValueName(option.Kind)}", Describe(option)))]);
    }

    private static string ValueName(OptionKind kind) => kind switch
    {
        OptionKind.Size => "SIZE",
        OptionKind.Number => "N",
        OptionKind.Switch => "on|off",
        _ => "TEXT",
    };

    /// <summary>In sentences, whether or not the format's own description ends with a full stop.</summary>
    private static string Describe(OptionDescriptor option)
    {
        string unless = option.DefaultValue is null ? "" : $" Unless given: {option.DefaultValue}.";
        return $"{option.Description.TrimEnd('.')}.{unless}";
    }
}
