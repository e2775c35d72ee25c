namespace QedVd;

/// <summary>How a write, zero or discard request is to be carried out.</summary>
[Flags]
public enum WriteFlags
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>Force unit access: durable, with the metadata that it needs, when the request returns.</summary>
    ForceUnitAccess = 1 << 0,

    /// <summary>Change only what is allocated already; answer <see cref="WriteResult.IsFree"/> otherwise.</summary>
    NoAllocate = 1 << 1,

    /// <summary>A zero request need not keep room on the volume. Without this a format may keep it, and may also give it back.</summary>
    MayUnmap = 1 << 2,

    /// <summary>A zero request that would have to write zeros fails with <see cref="ImageErrorKind.NotSupported"/> and changes nothing.</summary>
    FastOnly = 1 << 3,
}
