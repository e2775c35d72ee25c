namespace QedVd.Host;

/// <summary>Carries the reason why a plugin is skipped to the place that reports it. Never leaves the catalogue.</summary>
internal sealed class PluginRefusedException(string reason) : Exception(reason);
