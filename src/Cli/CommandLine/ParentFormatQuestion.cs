using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>A parent's format is the user's to say: what probing finds depends on bytes that a guest may have written.</summary>
internal static class ParentFormatQuestion
{
    /// <summary>The format where probing is certain; else it is asked for.</summary>
    /// <inheritdoc cref="AskAsync"/>
    public static async ValueTask<string> FindOrAskAsync(VerbRun run, string parentPath, string nameOption, string formatOption)
    {
        string? certain = null;
        try
        {
            certain = (await run.Host.ProbeAsync(parentPath, run.Cancellation)).BestForWriting?.FormatId;
        }
        catch (ImageException)
        {
            // What is the matter is part of the question.
        }

        return certain ?? throw new CliException(await AskAsync(run, parentPath, nameOption, formatOption));
    }

    /// <summary>Asks for the format, and says what it looks like.</summary>
    /// <param name="run">The call.</param>
    /// <param name="parentPath">The parent's file.</param>
    /// <param name="nameOption">The option that named the parent.</param>
    /// <param name="formatOption">The option that is to say its format, up to the value.</param>
    public static async ValueTask<string> AskAsync(VerbRun run, string parentPath, string nameOption, string formatOption)
    {
        string ask = $"{nameOption}: the parent's format must be given with {formatOption.TrimEnd(' ', '=')}";
        try
        {
            ImageDescription found = await run.Host.DescribeImageAsync(parentPath, cancellationToken: run.Cancellation);
            return $"{ask}; it looks like {formatOption}{found.FormatId}.";
        }
        catch (ImageException exception)
        {
            return $"{ask}, and it could not be found out: {ErrorText.Of(exception, run.Command)}";
        }
    }
}
