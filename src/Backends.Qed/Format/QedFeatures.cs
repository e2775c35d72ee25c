namespace QedVd.Backends.Qed;

/// <summary>The feature bits of a QED header, and which of them are known here.</summary>
internal static class QedFeatures
{
    /// <summary>The image names a parent.</summary>
    public const ulong BackingFile = 1 << 0;

    /// <summary>The tables may be inconsistent: check before the first change.</summary>
    public const ulong NeedCheck = 1 << 1;

    /// <summary>The parent is raw and must never be probed. Means nothing without <see cref="BackingFile"/>.</summary>
    public const ulong BackingFormatNoProbe = 1 << 2;

    /// <summary>All that may be set in <c>features</c>; any other bit forbids to open the image, for reading too.</summary>
    public const ulong Known = BackingFile | NeedCheck | BackingFormatNoProbe;

    /// <summary>All that is defined for <c>compat_features</c>; other bits are kept as they are.</summary>
    public const ulong KnownCompat = 0;

    /// <summary>All that is defined for <c>autoclear_features</c>; other bits are cleared before the first change.</summary>
    public const ulong KnownAutoclear = 0;
}
