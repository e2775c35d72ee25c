using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace QedVd.Host;

/// <summary>How a <see cref="BackendCatalog"/> works.</summary>
public sealed record BackendCatalogOptions
{
    /// <summary>What gets assemblies into the process.</summary>
    public IPluginLoader Loader { get; init; } = new PluginLoader();

    /// <summary>Whether plugins are loaded so that they can be unloaded. Their code then runs a little slower: the runtime compiles it differently.</summary>
    public bool AreUnloadable { get; init; }

    /// <summary>
    /// How long a plugin may take for its constructor with its <see cref="IImageBackend.Info"/>, and for the answer to a probe, before it is passed over: neither
    /// has a reason to wait for anything. What loading its files takes does not count. <see cref="Timeout.InfiniteTimeSpan"/>: for ever, as it is while a
    /// debugger is attached. Plugins that the program brings along (<c>plugins/QedVd.Backends.*</c> beside it) have no limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither that nor between zero and one day.</exception>
    public TimeSpan PluginCallLimit
    {
        get;
        init => field = value == Timeout.InfiniteTimeSpan || (value > TimeSpan.Zero && value <= TimeSpan.FromDays(1))
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "A limit is more than zero and at most one day, or infinite.");
    } = TimeSpan.FromSeconds(10);

    /// <summary>Told what was loaded, refused and unloaded.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
