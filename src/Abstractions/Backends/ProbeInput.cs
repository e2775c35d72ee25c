namespace QedVd;

/// <summary>What a backend sees of an unknown file.</summary>
public readonly ref struct ProbeInput
{
    /// <summary>Creates the input.</summary>
    /// <param name="start">The first bytes of the file.</param>
    /// <param name="lengthBytes">The length of the file.</param>
    /// <param name="fileName">Its name without folder.</param>
    /// <param name="end">Its last bytes.</param>
    public ProbeInput(ReadOnlySpan<byte> start, long lengthBytes, string? fileName = null, ReadOnlySpan<byte> end = default)
    {
        End = end;
        Start = start;
        LengthBytes = lengthBytes;
        FileName = fileName;
    }

    /// <summary>The first bytes of the file; all of them when the file is short.</summary>
    public ReadOnlySpan<byte> Start { get; }

    /// <summary>The last bytes of the file, at least 512 where it has as many, for formats with a footer; empty when the host did not read them.</summary>
    public ReadOnlySpan<byte> End { get; }

    /// <summary>The length of the file.</summary>
    public long LengthBytes { get; }

    /// <summary>The file's name without folder, if it has one. A hint only.</summary>
    public string? FileName { get; }
}
