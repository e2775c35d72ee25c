namespace QedVd.Host;

/// <summary>What a person should know about one plugin: loaded, or why not. Holds nothing of the plugin itself.</summary>
public sealed record PluginReport
{
    /// <summary>The file's name without its extension: <c>QedVd.Backends.Qed</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The full path of the assembly that was, or should have been, loaded.</summary>
    public required string Path { get; init; }

    /// <summary>What became of it.</summary>
    public required PluginState State { get; init; }

    /// <summary>Why it is not loaded, one line without control characters; null when it is.</summary>
    public string? Reason { get; init; }

    /// <summary>The contract that it was compiled against, where its metadata could be read.</summary>
    public Version? ContractVersion { get; init; }

    /// <summary>The version of its assembly, where its metadata could be read.</summary>
    public Version? AssemblyVersion { get; init; }

    /// <summary>The framework that it was compiled for (".NETCoreApp,Version=v10.0"), where its metadata says it.</summary>
    public string? TargetFramework { get; init; }

    /// <summary>The backends that it registered; empty unless it was loaded.</summary>
    public IReadOnlyList<BackendInfo> Backends { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Reason is null
        ? $"{Name}: {State}, {string.Join(", ", Backends.Select(backend => backend.Id))}"
        : $"{Name}: {State}: {Reason}";
}
