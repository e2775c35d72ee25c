namespace QedVd.Backends.Qed;

/// <summary>Sectors of a table that lie side by side, ready to be written.</summary>
/// <param name="Offset">Where to.</param>
/// <param name="Buffer">The memory that holds them.</param>
/// <param name="Start">Where they start in it.</param>
/// <param name="LengthBytes">How long they are.</param>
/// <param name="HasInvalid">Whether they hold the mark of an invalid entry instead of what the storage has.</param>
internal readonly record struct SectorWrite(long Offset, byte[] Buffer, int Start, int LengthBytes, bool HasInvalid)
{
    public Memory<byte> Memory => Buffer.AsMemory(Start, LengthBytes);

    public bool TryAppend(in SectorWrite next, out SectorWrite both)
    {
        both = this with { LengthBytes = LengthBytes + next.LengthBytes, HasInvalid = HasInvalid || next.HasInvalid };
        return ReferenceEquals(Buffer, next.Buffer) && Offset + LengthBytes == next.Offset && Start + LengthBytes == next.Start;
    }
}
