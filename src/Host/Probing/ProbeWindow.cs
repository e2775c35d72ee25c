namespace QedVd.Host;

/// <summary>What was read of a file: its first bytes, and its last ones where some formats have their mark.</summary>
internal readonly ref struct ProbeWindow(ReadOnlySpan<byte> start, ReadOnlySpan<byte> end, long lengthBytes)
{
    /// <summary>The first bytes of the file.</summary>
    public ReadOnlySpan<byte> Start { get; } = start;

    /// <summary>The last bytes of the file.</summary>
    public ReadOnlySpan<byte> End { get; } = end;

    public long LengthBytes { get; } = lengthBytes;

    /// <summary>Whether the bytes stand at an offset from the start, or, when that is negative, from the end.</summary>
    public bool Has(int offset, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> part = offset >= 0 ? Start : End;
        int index = offset >= 0 ? offset : End.Length + offset;
        return index >= 0 && index <= part.Length && part[index..].StartsWith(bytes);
    }
}
