namespace QedVd.Host;

/// <summary>How a host file is opened.</summary>
public sealed record FileStorageOptions
{
    /// <summary>For reading only.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>What others are kept from. A writable file is always held <see cref="ImageLockMode.ReadWrite"/>.</summary>
    public ImageLockMode Lock { get; init; }

    /// <summary>Accepts a block device. Unless set, only a regular file is.</summary>
    public bool AllowBlockDevices { get; init; }

    /// <summary>Facts that the storage shall not state, and what rests on them shall not use.</summary>
    public StorageFacts DisabledFacts { get; init; }

    /// <summary>
    /// A folder that the resolution of the path, links included, may not leave; null for no such bound. The path is then relative to that
    /// folder, or begins with it. The folder itself is trusted and may be reached over links.
    /// </summary>
    public string? BeneathRoot { get; init; }

    /// <summary>Uses what every platform has, also on Linux.</summary>
    internal bool UsePortableForm { get; init; }

    /// <summary>Walks below <see cref="BeneathRoot"/> component by component, as where openat2 is missing.</summary>
    internal bool WalkBeneath { get; init; }

    /// <summary>Called instead of the system's own flush of a file: the place to inject a failure.</summary>
    internal Action? BarrierSeam { get; init; }

    /// <summary>Called before a folder's names are made durable: the place to inject a failure.</summary>
    internal Action? FolderSeam { get; init; }

    /// <summary>The lock that is meant, by the access asked for.</summary>
    internal ImageLockMode EffectiveLock => Lock != ImageLockMode.ByAccess ? Lock : ReadOnly ? ImageLockMode.Read : ImageLockMode.ReadWrite;
}
