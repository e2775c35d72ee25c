namespace QedVd.Crashes.Tests.Recorded;

/// <summary>What a guest does in a scenario: whole sectors of one byte each, or a flush (of no length).</summary>
/// <param name="Offset">Where, in bytes.</param>
/// <param name="LengthBytes">How much; 0: a flush.</param>
/// <param name="Pattern">With which byte; 0: zeros, asked for as such.</param>
internal readonly record struct GuestStep(int Offset, int LengthBytes, byte Pattern)
{
    public static GuestStep Flush => default;

    public bool IsFlush => LengthBytes == 0;

    public string ToQemuIo() => IsFlush ? "flush" : Pattern == 0 ? $"write -z {Offset} {LengthBytes}" : $"write -P {Pattern} {Offset} {LengthBytes}";

    public void Apply(byte[] guest) => guest.AsSpan(Offset, LengthBytes).Fill(Pattern);
}
