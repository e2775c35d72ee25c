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
        int request = _history.BeginWrite(0, Sector, 1);
        Read(0);
        Read(1);
        Assert.Null(_history.FindViolation());

        Read(0);
        _history.End(request);
        Assert.Contains("sector 0: no order explains", _history.FindViolation(), StringComparison.Ordinal);
    }

    [Fact]
    public void OldValueAfterAnAcknowledgedWrite_IsAViolation()
    {
        Write(1);
        Write(2);
        Assert.Null(_history.FindViolation());
        Read(1);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void ConcurrentWrites_LeaveOneOfThem_ForGood()
    {
        int first = _history.BeginWrite(0, Sector, 1);
        Write(2);
        _history.End(first);
        Read(1);
        Assert.Null(_history.FindViolation());

        Read(2);
        Assert.NotNull(_history.FindViolation());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void FailedWrite_ShowsOrDoesNot_ForGood(int shown)
    {
        int request = _history.BeginWrite(0, Sector, 1);
        Read(0);
        _history.Fail(request);
        Read(shown);
        Assert.Null(_history.FindViolation());

        Read(1 - shown);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void FailedWrite_ThatShowsAfterALaterOne_IsAViolation()
    {
        _history.Fail(_history.BeginWrite(0, Sector, 1));
        Write(2);
        Read(2);
        Assert.Null(_history.FindViolation());

        Read(1);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void FailedWrite_IsGoneInACrash_AfterALaterOneWasFlushed()
    {
        _history.Fail(_history.BeginWrite(0, Sector, 1));
        Assert.Null(Loss(1));
        Assert.Null(Loss(0));
        Write(2);
        Assert.Null(Loss(1));
        Flush();
        Assert.NotNull(Loss(1));
        Assert.NotNull(Loss(0));
        Assert.Null(Loss(2));

        // And overwrites nothing for good.
        _history.Fail(_history.BeginWrite(0, Sector, 3));
        Flush();
        Assert.Null(Loss(2));
        Assert.Null(Loss(3));
    }

    [Fact]
    public void Discard_LeavesTheOldValueOrZeros_AndNothingElse()
    {
        Write(1);
        _history.End(_history.BeginDiscard(0, Sector));
        Read(0);
        Assert.Null(_history.FindViolation());

        Read(1);
        Assert.NotNull(_history.FindViolation());
    }

    [Fact]
    public void MoreRequestsThanTheJudgeCanTellApart_AreRefused()
    {
        for (int i = 0; i < 65; i++)
        {
            _history.BeginWrite(0, Sector, _history.NextNumber());
        }

        Assert.Throws<InvalidOperationException>(_history.FindViolation);
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
        Write(1);
        Flush();
        long before = _history.Now;
        Write(2);
        Assert.Null(Loss(1));
        Assert.Null(Loss(2));
        Assert.NotNull(Loss(0));
        Assert.NotNull(Loss(3));
        Assert.NotNull(Loss(2, before));

        long flush = _history.Begin();
        Write(3);
        _history.AddFlush(flush);
        Assert.Null(Loss(2));
        Assert.NotNull(Loss(1));
        long after = _history.Now;
        Flush();
        Assert.NotNull(Loss(2));
        Assert.Null(Loss(2, after));
    }

    [Fact]
    public void Crash_AfterTwoWritesOneAfterTheOther_AndAFlush_LeavesTheSecond()
    {
        Write(1);
        Write(2);
        Flush();
        Assert.Null(Loss(2));
        Assert.Contains("after a crash", Loss(1), StringComparison.Ordinal);
    }

    [Fact]
    public void Crash_LeavesWhatIsDurableByItself_OnceItIsAcknowledged()
    {
        Write(1);
        int request = _history.BeginWrite(0, Sector, 2, isDurable: true);
        Assert.Null(Loss(1));
        long before = _history.Now;
        _history.End(request);
        Assert.NotNull(Loss(1));
        Assert.Null(Loss(1, before));
        Assert.Null(Loss(2));
    }

    private void Write(int number) => _history.End(_history.BeginWrite(0, Sector, number));

    private void Read(int number) => _history.AddRead(0, Bytes(number), _history.Begin());

    private void Flush() => _history.AddFlush(_history.Begin());

    private string? Loss(int number, long? time = null) => _history.FindLoss(0, Bytes(number), time ?? _history.Now);

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
