namespace QedVd.Host;

/// <summary>How a new file is made.</summary>
public sealed record PendingFileOptions
{
    /// <summary>Lets the new file take the place of one that exists. That one must be a regular file, writable and used by nobody.</summary>
    public bool Overwrite { get; init; }

    /// <summary>A disk none of whose files is replaced: the one that the new file is filled from. Its own locks say nothing when it was opened without.</summary>
    public VirtualDisk? KeepChainOf { get; init; }

    /// <summary>As <see cref="FileStorageOptions.DisabledFacts"/>.</summary>
    public StorageFacts DisabledFacts { get; init; }

    /// <summary>Uses what every platform has, also on Linux.</summary>
    internal bool UsePortableForm { get; init; }

    /// <summary>Gives the file a name from the start, as on a file system without nameless files.</summary>
    internal bool UseTemporaryName { get; init; }

    /// <summary>As <see cref="FileStorageOptions.BarrierSeam"/>.</summary>
    internal Action? BarrierSeam { get; init; }

    /// <summary>As <see cref="FileStorageOptions.FolderSeam"/>.</summary>
    internal Action? FolderSeam { get; init; }

    internal FileStorageOptions ForStorage => new() { DisabledFacts = DisabledFacts, UsePortableForm = UsePortableForm, BarrierSeam = BarrierSeam };
}
