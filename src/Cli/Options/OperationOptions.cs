using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Host;

namespace QedVd.Cli.Options;

/// <summary>The options of a verb that copies much: how fast it may, and whether it looks for room first.</summary>
internal sealed class OperationOptions
{
    private readonly Option<string?> _rate;
    private readonly Option _skipSpaceCheck;

    private OperationOptions(Option<string?> rate, Option skipSpaceCheck)
    {
        _rate = rate;
        _skipSpaceCheck = skipSpaceCheck;
    }

    public static OperationOptions AddTo(Command command)
    {
        var rate = new Option<string?>("--rate", "-r")
        {
            HelpName = "SIZE",
            Description = "Copy at most SIZE bytes a second.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option skipSpaceCheck = Verb.MakeSwitch("--skip-space-check", "Begin even where the volume seems too full; what lacks room then stops it, cleanly.");
        command.Add(rate);
        command.Add(skipSpaceCheck);
        return new OperationOptions(rate, skipSpaceCheck);
    }

    public bool SkipsSpaceCheck(VerbRun run) => run.Has(_skipSpaceCheck);

    /// <summary>Bytes a second; 0: as fast as it goes.</summary>
    public long Rate(VerbRun run)
    {
        if (run.Get(_rate) is not { } text)
        {
            return 0;
        }

        long bytes = SizeText.Parse(text, "--rate");
        return bytes > 0 ? bytes : throw new CliException("--rate: 0 bytes a second would never end; give more, or leave it out.");
    }

    /// <summary>The options of an operation on a chain, with what was given.</summary>
    public TOptions Apply<TOptions>(VerbRun run, TOptions options)
        where TOptions : ChainOperationOptions =>
        options with { MaxBytesPerSecond = Rate(run), SkipSpaceCheck = SkipsSpaceCheck(run) };
}
