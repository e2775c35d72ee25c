using System.CommandLine;
using System.Text.RegularExpressions;

namespace QedVd.Cli.Output;

/// <summary>What the libraries say of an error, with their options named as this command line names them.</summary>
internal static partial class ErrorText
{
    private const string WithoutLocks = ", or open it read-only without locks (ForceShare) if it may change while it is read";

    private const string WithoutParent = ", or open read-only with AllowMissingParent to see what is left";

    private static readonly (string Library, string CommandLine)[] s_words =
    [
        ("AllowedRoots (--allow DIR)", "--allow DIR"),
        ("Trust (--trusted)", "--trusted"),
        ("AllowMissingParent", "--missing-parent"),
        ("allow \"raw\" with AllowedParentFormats", "allow that with --parent-format raw"),
        ("AllowedParentFormats", "--parent-format FORMAT"),
        ("AllowedRoots", "--allow DIR"),
        ("Nothing allows that; give the parent as ParentDisk, or change", "Nothing allows that; change"),
        ("Allow more with MaxDepth, or merge some levels", "Merge some levels"),
        ("Allow more with MaxFiles, or scan fewer folders", "Name fewer folders"),
        ("Allow more with MaxFolderDepth, or scan it by itself", "Name it by itself"),
        ("name it (ParentPath)", "name it with --parent FILE"),
        ("Name the right one (ParentPath)", "Name the right one with --parent FILE"),
        ("search other folders", "search other folders with --search DIR"),
        ("SetParentNameAsync (rebase -u)", "qedvd rebase -u"),
        ("(SkipSpaceCheck, --skip-space-check)", "with --skip-space-check"),
        ("or adopt it from where it is now", "or find it with qedvd chain repair"),
        ("ask for it to be overwritten", "give --overwrite"),
        ("Name the format", "Name the format with -f"),
        ("name the format", "name the format with -f"),
    ];

    /// <param name="exception">What happened.</param>
    /// <param name="verb">The verb's command: what it has no option for is not advised.</param>
    public static string Of(Exception exception, Command verb)
    {
        bool mayShare = verb.Options.Any(option => option.Aliases.Contains("-U"));
        bool mayLack = verb.Options.Any(option => option is { Name: "--missing-parent", Hidden: false });
        return Of(exception.Message
            .Replace(WithoutLocks, mayShare ? ", or give -U if it may change while it is read" : "", StringComparison.Ordinal)
            .Replace(WithoutParent, mayLack ? ", or give --missing-parent to see what is left" : ", or find it with qedvd chain repair", StringComparison.Ordinal));
    }

    /// <param name="message">What a library says.</param>
    public static string Of(string message) => s_words.Aggregate(message, (text, words) => text.Replace(words.Library, words.CommandLine, StringComparison.Ordinal));

    /// <summary>One mark where a sentence within a sentence left two.</summary>
    public static string Tidy(string text) => StopBeforeSemicolon().Replace(TwoStops().Replace(text, "."), ";");

    [GeneratedRegex(@"(?<=[\w)])\.\.(?=\s|$)")]
    private static partial Regex TwoStops();

    [GeneratedRegex(@"(?<=[\w)])\.;(?=\s)")]
    private static partial Regex StopBeforeSemicolon();
}
