using System.Runtime.Loader;

namespace QedVd.Host;

/// <summary>One plugin as the catalogue knows it. Changed under the catalogue's lock only.</summary>
internal sealed class PluginEntry(PluginReport report)
{
    private readonly PluginReport _report = report;
    private IPluginContext? _context;
    private PluginUnload? _unload;

    public string Name => _report.Name;

    public string Path => _report.Path;

    public RegisteredBackend[] Backends { get; private init; } = [];

    public int LeaseCount { get; set; }

    public bool IsLoaded => _context is not null;

    public static PluginEntry Loaded(PluginReport report, IPluginContext context, RegisteredBackend[] backends) =>
        new(report) { _context = context, Backends = backends };

    /// <summary>The report as of now.</summary>
    public PluginReport Report => _unload switch
    {
        null => _report,
        { IsCompleted: true } => _report with { State = PluginState.Unloaded, Backends = [], Reason = "it was unloaded." },
        _ => _report with
        {
            State = PluginState.Unloading,
            Backends = [],
            Reason = "it was asked to unload, and something still refers to it: an object, a timer, a thread or an event handler.",
        },
    };

    public bool IsCollectible => _context is not null && AssemblyLoadContext.GetLoadContext(_context.MainAssembly) is { IsCollectible: true };

    /// <summary>Lets go of everything but weak references, and hands out what is left to be disposed, outside the lock.</summary>
    public (PluginUnload Unload, IPluginContext Context) Leave(TimeProvider time)
    {
        IPluginContext context = _context ?? throw new InvalidOperationException($"Plugin '{Name}' is not loaded.");

        // The context object alone does not tell: it can die while code of the plugin is still on a stack. Its assembly and its types do.
        WeakReference[] traces =
        [
            new(AssemblyLoadContext.GetLoadContext(context.MainAssembly), trackResurrection: true),
            new(context.MainAssembly, trackResurrection: true),
            new(context.MainAssembly.ManifestModule, trackResurrection: true),
        ];
        foreach (RegisteredBackend backend in Backends)
        {
            backend.LetGo();
        }

        _context = null;
        _unload = new PluginUnload(Name, traces, time);
        return (_unload, context);
    }
}
