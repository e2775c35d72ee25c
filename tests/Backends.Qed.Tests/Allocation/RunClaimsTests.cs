namespace QedVd.Backends.Qed.Tests.Allocation;

public sealed class RunClaimsTests
{
    private readonly RunClaims _claims = new();

    [Fact]
    public void RunThatNobodyHas_IsClaimedWhole()
    {
        RunClaim claim = Claim(10, 20, expectedLast: 20);

        Assert.Equal((10L, 20L), (claim.First, claim.Last));
    }

    [Theory]
    [InlineData(0, 9, 9)]
    [InlineData(0, 10, 9)]
    [InlineData(0, 15, 9)]
    [InlineData(0, 100, 9)]
    [InlineData(9, 10, 9)]
    [InlineData(21, 30, 30)]
    public void Run_EndsBeforeTheNextClaim(long first, long last, long expectedLast)
    {
        Claim(10, 20, 20);

        Claim(first, last, expectedLast);
    }

    [Fact]
    public void Run_EndsBeforeTheNearestOfSeveralClaims()
    {
        Claim(50, 60, 60);
        Claim(30, 31, 31);
        Claim(40, 40, 40);

        Claim(1, 100, expectedLast: 29);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(15)]
    [InlineData(20)]
    public async Task RunThatBeginsInsideAClaim_WaitsForThat(long first)
    {
        RunClaim claim = Claim(10, 20, 20);
        RunClaim other = Claim(30, 40, 40);

        Task waiting = Refused(first);
        Task waitingToo = Refused(first);

        _claims.Release(other);
        Assert.False(waiting.IsCompleted);
        _claims.Release(claim);
        await waiting.WaitAsync(TestContext.Current.CancellationToken);
        await waitingToo.WaitAsync(TestContext.Current.CancellationToken);
        Claim(first, first, first);
    }

    [Fact]
    public async Task ClaimThatIsUsedAgain_HasWaitersOfItsOwn()
    {
        RunClaim claim = Claim(1, 1, 1);
        Task before = Refused(1);
        _claims.Release(claim);
        await before.WaitAsync(TestContext.Current.CancellationToken);

        RunClaim again = Claim(7, 7, 7);

        Assert.Same(claim, again);
        Task after = Refused(7);
        Assert.False(after.IsCompleted);
        _claims.Release(again);
        await after.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void EndOfAClaim_EndsNoOther()
    {
        RunClaim[] claims = [.. Enumerable.Range(0, 5).Select(i => Claim(i, i, i))];

        _claims.Release(claims[1]);
        _claims.Release(claims[4]);

        Refused(0);
        Refused(2);
        Refused(3);
        Claim(4, 9, 9);
        Claim(1, 9, 1);
    }

    private RunClaim Claim(long first, long last, long expectedLast)
    {
        RunClaim? claim = _claims.TryClaim(first, ref last, out Task? taken);
        Assert.NotNull(claim);
        Assert.Null(taken);
        Assert.Equal(expectedLast, last);
        return claim;
    }

    private Task Refused(long first)
    {
        long last = first + 5;
        Assert.Null(_claims.TryClaim(first, ref last, out Task? taken));
        return taken!;
    }
}
