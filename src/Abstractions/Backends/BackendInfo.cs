namespace QedVd;

/// <summary>What a backend says of itself. Constant.</summary>
public sealed record BackendInfo
{
    /// <summary>Unique, as used on command lines ("qed"): 1 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter.</summary>
    public required string Id { get; init; }

    /// <summary>For people ("QEMU Enhanced Disk").</summary>
    public required string DisplayName { get; init; }

    /// <summary>What the backend can do at best.</summary>
    public required ImageCapabilities Capabilities { get; init; }

    /// <summary>Usual file name extensions, with the dot. A hint, never a proof.</summary>
    public IReadOnlyList<string> FileExtensions { get; init; } = [];

    /// <summary>The options that <see cref="ImageCreateOptions.FormatOptions"/> and <see cref="ImageOpenOptions.FormatOptions"/> may hold.</summary>
    public IReadOnlyList<OptionDescriptor> Options { get; init; } = [];

    /// <summary>Bytes from the start of a file that <see cref="IImageBackend.Probe"/> wants to see. The host may give more or less.</summary>
    public int ProbeBytes { get; init; } = 512;
}
