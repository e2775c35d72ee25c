namespace QedVd;

/// <summary>How sure a backend is that a file is an image of its format.</summary>
public enum ProbeConfidence
{
    /// <summary>It is not.</summary>
    No = 0,

    /// <summary>It could be; nothing in the file proves it (raw: everything could be).</summary>
    Maybe = 1,

    /// <summary>The file carries the format's mark, even if it turns out to be damaged.</summary>
    Certain = 2,
}
