namespace QedVd.Host;

/// <summary>What became of a plugin.</summary>
public enum PluginState
{
    /// <summary>Its backends are registered.</summary>
    Loaded = 0,

    /// <summary>It was skipped; <see cref="PluginReport.Reason"/> says why.</summary>
    Refused = 1,

    /// <summary>Its backends are gone and the runtime was asked to unload it, but something still refers to its code or objects.</summary>
    Unloading = 2,

    /// <summary>The runtime has let go of its code.</summary>
    Unloaded = 3,
}
