using System.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>One call of a verb: what was given, where its output goes, and the host.</summary>
internal sealed class VerbRun(Verb verb, ParseResult parsed, StandardStreams streams, Func<DiskHostOptions> hostOptions, CancellationToken cancellation) : IAsyncDisposable
{
    private DiskHost? _host;

    public StandardStreams Streams { get; } = streams;

    public CancellationToken Cancellation { get; } = cancellation;

    public Command Command => verb.Command;

    public TextWriter Out => Streams.Out;

    public TextWriter Error => Streams.Error;

    /// <summary>The host, set up when it is first needed.</summary>
    public DiskHost Host => _host ??= new DiskHost(HostOptions(), new NoteLogger(this));

    /// <summary>Whether the host's warnings are shown as notes.</summary>
    public bool SaysWarnings { get; set; }

    public BackendCatalog Catalog => Host.Backends;

    public string? Get(Option<string?> option) => parsed.GetValue(option);

    public string[] Get(Option<string[]> option) => parsed.GetValue(option) ?? [];

    /// <summary>Whether a switch was given.</summary>
    public bool Has(Option option) => parsed.GetResult(option) is not null;

    public string Get(Argument<string?> argument) => parsed.GetValue(argument) ?? "";

    public string? GetOptional(Argument<string?> argument) => parsed.GetValue(argument);

    public string[] Get(Argument<string[]> argument) => parsed.GetValue(argument) ?? [];

    /// <summary>Something that the user should know and that is no error: one line on the error output.</summary>
    public void Note(string text) => Error.WriteLine($"qedvd: {verb.Command.Name}: {DisplayText.Escape(ErrorText.Tidy(text))}");

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    private DiskHostOptions HostOptions()
    {
        DiskHostOptions options = hostOptions();
        foreach (string folder in Get(verb.PluginFolders))
        {
            options.PluginFolders.Add(HostPath.Full(folder));
        }

        return options;
    }
}
