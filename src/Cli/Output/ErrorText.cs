namespace QedVd.Cli.Output;

/// <summary>What the libraries say of an error, with their options named as this command line names them.</summary>
internal static class ErrorText
{
    private static readonly (string Library, string CommandLine)[] s_words =
    [
        ("AllowedRoots (--allow DIR)", "--allow DIR"),
        ("Trust (--trusted)", "--trusted"),
        ("AllowMissingParent", "--missing-parent"),
        ("AllowedParentFormats", "--parent-format FORMAT"),
        ("ask for it to be overwritten", "give --overwrite"),
        ("Name the format", "Name the format with -f"),
        ("name the format", "name the format with -f"),
    ];

    public static string Of(Exception exception)
    {
        string message = exception.Message;
        foreach ((string library, string commandLine) in s_words)
        {
            message = message.Replace(library, commandLine, StringComparison.Ordinal);
        }

        return message;
    }
}
