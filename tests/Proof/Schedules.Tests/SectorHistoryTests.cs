using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>What the judge of histories lets pass, and what it does not.</summary>
public sealed class SectorHistoryTests
{
    private const int Sector = SectorHistory.SectorBytes;

    private readonly SectorHistory _history = new();

    [Fact]
    public void ReadDuringAWrite_MayBeOldOrNew_ButNotOldAfterNew()
    {
        int request = _history.BeginWrite(0, Sector, 1, 10);
        Read(0, 11, 12);
        Read(1, 13, 14);
        _history.End(0, Sector, request, 20);
        Assert.Null(_history.FindViolation());

        Read(0, 15, 16);
        Assert.Contains("sector 0: no order explains", _history.FindViolation(), StringComparison.Ordinal);
    }

    [Fact]
    public void OldValueAfterAnAcknowledgedWrite_IsAViolation()
    {
        Write(1, 1, 2);
        Write(2, 3, 4);
        Read(1, 5, 6);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void ConcurrentWrites_LeaveOneOfThem_ForGood()
    {
        int first = _history.BeginWrite(0, Sector, 1, 1);
        Write(2, 2, 3);
        _history.End(0, Sector, first, 4);
        Read(1, 5, 6);
        Assert.Null(_history.FindViolation());

        Read(2, 7, 8);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void FailedWrite_MayShowAtAnyTime_OrNever()
    {
        _history.BeginWrite(0, Sector, 1, 1);
        Read(0, 2, 3);
        Read(1, 4, 5);
        Assert.Null(_history.FindViolation());

        Read(0, 6, 7);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void Discard_LeavesTheOldValueOrZeros_AndNothingElse()
    {
        Write(1, 1, 2);
        int discard = _history.BeginDiscard(0, Sector, 3);
        _history.End(0, Sector, discard, 4);
        Read(0, 5, 6);
        Assert.Null(_history.FindViolation());

        Read(1, 7, 8);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void SectorOfTwoWrites_OrOfAnotherPlace_IsAViolation()
    {
        byte[] bytes = new byte[Sector];
        SectorHistory.Fill(bytes, 0, 1);
        Assert.Equal(1, SectorHistory.NumberIn(bytes, 0));
        Assert.Equal(-1, SectorHistory.NumberIn(bytes, 1));
        SectorHistory.Fill(bytes.AsSpan(256), 256, 2);
        Assert.Equal(-1, SectorHistory.NumberIn(bytes, 0));
    }

    [Fact]
    public void Crash_MayTakeWhatWasNotFlushed_AndNothingElse()
    {
        Write(1, 1, 2);
        _history.AddFlush(3, 4);
        Write(2, 5, 6);
        Assert.Null(Loss(1, 7));
        Assert.Null(Loss(2, 7));
        Assert.NotNull(Loss(0, 7));
        Assert.NotNull(Loss(3, 7));
        Assert.NotNull(Loss(2, 5));

        _history.AddFlush(5, 8);
        Assert.Null(Loss(1, 9));
        _history.AddFlush(8, 10);
        Assert.NotNull(Loss(1, 11));
        Assert.Null(Loss(1, 9));
    }

    private void Write(int number, long begin, long end) => _history.End(0, Sector, _history.BeginWrite(0, Sector, number, begin), end);

    private void Read(int number, long begin, long end) => _history.AddRead(0, Bytes(number), begin, end);

    private string? Loss(int number, long step) => _history.FindLoss(0, Bytes(number), step);

    private static byte[] Bytes(int number)
    {
        byte[] bytes = new byte[Sector];
        if (number > 0)
        {
            SectorHistory.Fill(bytes, 0, number);
        }

        return bytes;
    }
}
