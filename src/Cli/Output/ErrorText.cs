using System.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>What the libraries say of an error, with their options named as this command line names them.</summary>
internal static class ErrorText
{
    private const string WithoutLocks = ", or open it read-only without locks (ForceShare) if it may change while it is read";

    private static readonly (string Library, string CommandLine)[] s_words =
    [
        ("AllowedRoots (--allow DIR)", "--allow DIR"),
        ("Trust (--trusted)", "--trusted"),
        ("AllowMissingParent", "--missing-parent"),
        ("allow \"raw\" with AllowedParentFormats", "allow that with --parent-format raw"),
        ("AllowedParentFormats", "--parent-format FORMAT"),
        ("Nothing allows that; give the parent as ParentDisk, or change", "Nothing allows that; change"),
        ("Allow more with MaxDepth, or merge some levels", "Merge some levels"),
        ("ask for it to be overwritten", "give --overwrite"),
        ("Name the format", "Name the format with -f"),
        ("name the format", "name the format with -f"),
    ];

    /// <param name="exception">What happened.</param>
    /// <param name="verb">The verb's command: what it has no option for is not advised.</param>
    public static string Of(Exception exception, Command verb)
    {
        bool mayShare = verb.Options.Any(option => option.Aliases.Contains("-U"));
        string message = exception.Message.Replace(WithoutLocks, mayShare ? ", or give -U if it may change while it is read" : "", StringComparison.Ordinal);
        foreach ((string library, string commandLine) in s_words)
        {
            message = message.Replace(library, commandLine, StringComparison.Ordinal);
        }

        return message;
    }
}
