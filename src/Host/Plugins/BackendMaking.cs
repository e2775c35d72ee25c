using System.Collections.Concurrent;

namespace QedVd.Host;

/// <summary>One class of a plugin constructed and asked for its description. While it hangs it stands among those that do.</summary>
internal sealed class BackendMaking(TimeProvider time, ConcurrentDictionary<string, BackendMaking> hanging, string path, IPluginContext context, Func<RegisteredBackend> make)
    : PluginWork(time)
{
    public IPluginContext Context => context;

    /// <summary>What was made, once it has ended.</summary>
    public RegisteredBackend? Backend { get; private set; }

    protected override void Steps()
    {
        if (TryBegin())
        {
            try
            {
                Backend = make();
            }
            finally
            {
                TryEnd();
            }
        }
    }

    protected override void GiveUpStep() => hanging[path] = this;

    // Nobody wants it any more.
    protected override void ReturnLate()
    {
        PluginActivator.TryDispose(context);
        hanging.TryRemove(path, out _);
    }
}
