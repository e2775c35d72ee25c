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

    /// <summary>Told what was loaded, refused and unloaded.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
