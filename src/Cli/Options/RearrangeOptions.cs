using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Options;

/// <summary>What the verbs have in common that rearrange the chain of a disk: how it is opened, how fast they copy, what they tell.</summary>
internal sealed class RearrangeOptions
{
    private readonly Option<string?> _cache;
    private readonly OperationOptions _operation;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;

    private RearrangeOptions(Option<string?> cache, OperationOptions operation, ReportOptions report, ChainOptions chain)
    {
        _cache = cache;
        _operation = operation;
        _report = report;
        _chain = chain;
    }

    public static RearrangeOptions AddTo(Command command)
    {
        return new RearrangeOptions(CacheMode.AddTo(command), OperationOptions.AddTo(command), ReportOptions.AddTo(command), ChainOptions.AddTo(command, mayShare: false));
    }

    public Report Report(VerbRun run) => _report.Read(run);

    public TOptions Apply<TOptions>(VerbRun run, TOptions options)
        where TOptions : ChainOperationOptions => _operation.Apply(run, options);

    /// <summary>The folders to look for siblings in. One that is not there is refused: nobody has looked then, and the caller relies on it.</summary>
    public static string[] Siblings(VerbRun run, Option<string[]> option) =>
    [
        .. run.Get(option).Select(folder => Directory.Exists(folder)
            ? HostPath.Full(folder)
            : throw new CliException($"--siblings: '{folder}' is no folder; nothing was changed.")),
    ];

    /// <summary>How the disk is opened, for writing.</summary>
    public DiskOpenOptions Open(VerbRun run, string? format) => _chain.Read(run, format, readOnly: false, CacheMode.Read(run, _cache));
}
