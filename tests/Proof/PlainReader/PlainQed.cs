namespace QedVd.PlainReader;

/// <summary>The magic number of a QED image, little-endian: "QED" and a zero.</summary>
public static class PlainQed
{
    /// <summary>The first four bytes of the file as a number.</summary>
    public const uint Magic = 0x00444551;
}
