namespace QedVd;

/// <summary>What a backend sees of an unknown file.</summary>
public readonly ref struct ProbeInput
{
    /// <summary>Creates the input.</summary>
    public ProbeInput(ReadOnlySpan<byte> start, long lengthBytes, string? fileName = null)
    {
        Start = start;
        LengthBytes = lengthBytes;
        FileName = fileName;
    }

    /// <summary>The first bytes of the file; all of them when the file is short.</summary>
    public ReadOnlySpan<byte> Start { get; }

    /// <summary>The length of the file.</summary>
    public long LengthBytes { get; }

    /// <summary>The file's name without folder, if it has one. A hint only.</summary>
    public string? FileName { get; }
}
