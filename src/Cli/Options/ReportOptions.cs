using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Output;

namespace QedVd.Cli.Options;

/// <summary>The options of a verb that say what it tells: <c>--output</c>, <c>-p</c>, <c>-q</c>. Declared here only, so that they mean the same everywhere.</summary>
internal sealed class ReportOptions
{
    private Option<string?>? _output;
    private Option? _progress;
    private Option? _quiet;

    private ReportOptions()
    {
    }

    /// <summary>Adds those options to a verb that it has a use for.</summary>
    /// <param name="command">The verb's command.</param>
    /// <param name="output">The text about <c>--output</c>; null where there is one form only.</param>
    /// <param name="progress">Whether it may take a while.</param>
    /// <param name="quiet">The text about <c>-q</c>; null where a verb that prints nothing would be of no use.</param>
    public static ReportOptions AddTo(Command command, string? output = "How to print.", bool progress = true, string? quiet = "Print nothing.")
    {
        var options = new ReportOptions();
        if (output is not null)
        {
            options._output = new Option<string?>("--output") { Description = output, HelpName = "human|json", Arity = ArgumentArity.ExactlyOne };
            command.Add(options._output);
        }

        if (progress)
        {
            options._progress = Verb.MakeSwitch("--progress", "Show the progress (on a terminal it is shown anyway).", "-p");
            command.Add(options._progress);
        }

        if (quiet is not null)
        {
            options._quiet = Verb.MakeSwitch("--quiet", quiet, "-q");
            command.Add(options._quiet);
        }

        return options;
    }

    /// <summary>What was given.</summary>
    public Report Read(VerbRun run) => new(
        run,
        isJson: _output is not null && OutputForm.IsJson(run.Get(_output)),
        isQuiet: _quiet is not null && run.Has(_quiet),
        isProgressAsked: _progress is not null && run.Has(_progress));
}
