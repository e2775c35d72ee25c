using System.CommandLine;
using System.Text;

namespace QedVd.Cli.CommandLine;

/// <summary>Help texts, made of what the verbs say of themselves.</summary>
internal static class HelpWriter
{
    private const int NameColumn = 2;
    private const int MaxTextColumn = 30;

    public static void WriteOverview(TextWriter output)
    {
        output.WriteLine("qedvd: virtual disks: images, chains of images, and operations on them.");
        output.WriteLine();
        output.WriteLine("Usage: qedvd VERB [OPTIONS] [OPERANDS]");
        output.WriteLine();
        WriteRows(output, [.. VerbList.All.Select(entry => (entry.Name, entry.Summary))]);
        output.WriteLine();
        output.WriteLine("qedvd VERB --help describes a verb; qedvd --version prints the version.");
        output.WriteLine("Options are named as in qemu-img and may stand before or after the operands. Sizes take k, M, G, T.");
        output.WriteLine("A first look at all of it: qedvd demo");
    }

    public static void WriteVerb(TextWriter output, VerbEntry entry, Verb verb)
    {
        string lead = "Usage: qedvd ";
        foreach (string form in verb.Forms)
        {
            output.WriteLine($"{lead}{entry.Name} {form}".TrimEnd());
            lead = "       qedvd ";
        }

        output.WriteLine();
        output.WriteLine(entry.Summary);
        if (verb.Details.Length > 0)
        {
            output.WriteLine();
            output.WriteLine(verb.Details);
        }

        if (verb.Command.Arguments.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("Operands:");
            WriteRows(output, [.. verb.Command.Arguments.Select(argument => (argument.Name, argument.Description ?? ""))]);
        }

        output.WriteLine();
        output.WriteLine("Options:");
        // Those of every verb come last.
        IEnumerable<Option> options = verb.Command.Options.Where(option => !option.Hidden).OrderBy(option => option == verb.PluginFolders || option == verb.Debug);
        WriteRows(output, [.. options.Select(option => (Names(option), option.Description ?? "")), ("-h, --help", "This text.")]);
    }

    public static void WriteRows(TextWriter output, IReadOnlyList<(string Name, string Text)> rows)
    {
        int column = Math.Min(MaxTextColumn, rows.Max(row => row.Name.Length) + NameColumn + 2);
        foreach ((string name, string text) in rows)
        {
            string start = new string(' ', NameColumn) + name;
            output.WriteLine(start.Length + 2 > column && text.Length > 0 ? $"{start}\n{new string(' ', column)}{text}" : $"{start.PadRight(column)}{text}");
        }
    }

    private static string Names(Option option)
    {
        var names = new StringBuilder();
        foreach (string name in option.Aliases.Append(option.Name).OrderBy(name => name.Length).ThenBy(name => name, StringComparer.Ordinal))
        {
            names.Append(names.Length == 0 ? "" : ", ").Append(name);
        }

        return option.HelpName is null ? names.ToString() : names.Append(' ').Append(option.HelpName).ToString();
    }
}
