using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A flatten that meets a failing storage, a crash or a wish to stop at each of its points: the content stays, and doing it again completes it.</summary>
public sealed class PullFaultTests(ITestOutputHelper output)
{
    public static TheoryData<bool, int, StorageOperationKind, ImageErrorKind, bool> Cases
    {
        get
        {
            var cases = new TheoryData<bool, int, StorageOperationKind, ImageErrorKind, bool>();
            foreach (bool isQed in (bool[])[false, true])
            {
                foreach (bool isSticky in (bool[])[false, true])
                {
                    cases.Add(isQed, 0, StorageOperationKind.Write, ImageErrorKind.Io, isSticky);
                    cases.Add(isQed, 0, StorageOperationKind.Write, ImageErrorKind.OutOfSpace, isSticky);
                    cases.Add(isQed, 0, StorageOperationKind.SetLength, ImageErrorKind.OutOfSpace, isSticky);
                    cases.Add(isQed, 0, StorageOperationKind.Barrier, ImageErrorKind.Io, isSticky);
                    cases.Add(isQed, 0, StorageOperationKind.Read, ImageErrorKind.Io, isSticky);
                    cases.Add(isQed, 1, StorageOperationKind.Read, ImageErrorKind.Io, isSticky);
                    cases.Add(isQed, 2, StorageOperationKind.Read, ImageErrorKind.Io, isSticky);
                }
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task Flatten_FailingAnywhere_KeepsTheContent_AndARerunCompletesIt(bool isQed, int level, StorageOperationKind kind, ImageErrorKind error, bool isSticky)
    {
        for (int nth = 1; ; nth++)
        {
            var chain = new PullChain(isQed);
            VirtualDisk disk = chain.Open();
            StorageFault fault = chain.Files[level].Fail(new StorageFault { Kind = kind, Nth = nth, Error = error, IsSticky = isSticky });
            bool failed = false;
            try
            {
                await disk.FlattenAsync();
            }
            catch (ImageException)
            {
                failed = true;
            }

            string where = $"{kind} {nth} of level {level} with {error}, sticky {isSticky}, failed {failed}";
            Assert.True(failed || disk.Levels.Count == 1, where);
            chain.Files[level].ClearFaults();
            Assert.True(chain.Expected.AsSpan().SequenceEqual(TestDisks.ReadAll(disk)), where);
            await disk.DisposeAsync();

            bool hasParents = chain.Verify(where);
            Assert.True(failed || !hasParents, where);
            using (VirtualDisk again = chain.Open())
            {
                await again.FlattenAsync();
                again.Close();
            }

            Assert.False(chain.Verify($"{where}, after a rerun"), where);
            if (fault.Hits == 0)
            {
                output.WriteLine($"{nth - 1} points");
                return;
            }
        }
    }

    [Fact]
    public async Task Flatten_WithThePowerLostAnywhere_KeepsTheContent()
    {
        var chain = new PullChain(isQed: true);
        using (VirtualDisk disk = chain.Open())
        {
            await disk.FlattenAsync();
            disk.Close();
        }

        int states = 0;
        int flat = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(chain.Files[0], new PowerLossOptions { ExhaustiveUnits = 2, Samples = 3 }).Concat(CrashStates.OfProcessKill(chain.Files[0], 2048)))
        {
            states++;
            flat += chain.Verify(state.Description, state.File) ? 0 : 1;
        }

        output.WriteLine($"{states} states, {flat} without parents");
        Assert.True(flat > 0 && flat < states);
    }

    [Fact]
    public async Task GuestsWritesDuringAFlatten_AreThereAfterAPowerLoss_OnceTheyWereFlushed()
    {
        var chain = new PullChain(isQed: true);
        SimulatedFile file = chain.Files[0];

        // Free over data, over other data, over zeros (two), the top's own, and its zero marker.
        int[] places = [PullChain.Block + 700, (5 * PullChain.Block) - 100, (9 * PullChain.Block) + 5, (11 * PullChain.Block) + 1, (6 * PullChain.Block) + 10, 100];
        int next = 0;
        VirtualDisk disk = chain.Open();

        void Write()
        {
            disk.Write(places[next], [0xAA]);
            disk.Flush();
            file.Mark(next++);
        }

        Write();
        await disk.FlattenAsync(null, new Now(_ => Write()));
        while (next < places.Length)
        {
            Write();
        }

        await disk.CloseAsync();
        int states = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 2, Samples = 3 }).Concat(CrashStates.OfProcessKill(file, 2048)))
        {
            states++;
            int flushed = file.Trace.Take(state.Position).Count(operation => operation.Kind == StorageOperationKind.Mark);
            using VirtualDisk left = chain.Open(top: state.File);
            byte[] actual = TestDisks.ReadAll(left);
            for (int i = 0; i < places.Length; i++)
            {
                byte value = actual[places[i]];
                Assert.True(value == 0xAA || (i >= flushed && value == chain.Expected[places[i]]), $"{state.Description}: write {i} of {flushed} reads {value}");
                actual[places[i]] = chain.Expected[places[i]];
            }

            Assert.True(chain.Expected.AsSpan().SequenceEqual(actual), state.Description);
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 100);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Flatten_CancelledAtEachPiece_WhileGuestsWork_KeepsWhatTheyWrote(bool isQed)
    {
        for (int nth = 1; ; nth++)
        {
            using var test = new PullFolder();
            var random = new Random(nth);
            test.Create("base", 4 << 20);
            for (int at = 0; at < 4 << 20; at += 256 << 10)
            {
                test.Fill("base", 1, at, 100_000);
            }

            test.Create("top", (4 << 20) - 512, "base", 8192, isQed ? "qed" : "testblocks");
            byte[] expected = test.Read("top");
            using var cancel = new CancellationTokenSource();
            VirtualDisk disk = test.Open("top");
            var guests = new PullGuests(disk, expected, random.Next(), 1 << 20);
            bool isDone = false;
            try
            {
                await disk.FlattenAsync(null, new CountDown(nth, cancel), cancel.Token);
                isDone = true;
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(2, disk.Levels.Count);
            }

            await guests.PassAsync(20);
            await guests.StopAsync();
            Assert.True(expected.AsSpan().SequenceEqual(TestDisks.ReadAll(disk)), $"piece {nth}");
            await disk.CloseAsync();
            Assert.True(expected.AsSpan().SequenceEqual(test.Read("top")), $"piece {nth}, opened again");
            Assert.Equal(isDone ? null : "base", (await test.ParentOfAsync("top")).Name);
            if (isDone)
            {
                Assert.True(nth > 5);
                return;
            }
        }
    }

    [Fact]
    public async Task ClosingTheDisk_StopsAFlatten()
    {
        var chain = new PullChain(isQed: false);
        VirtualDisk disk = chain.Open();
        using StorageGate gate = chain.Files[1].Hold(StorageOperationKind.Read);
        Task flatten = disk.FlattenAsync().AsTask();
        await gate.Reached;

        Task close = disk.CloseAsync().AsTask();
        gate.Release();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flatten);
        await close;
        Assert.True(chain.Verify("closed"));
    }

    private sealed class CountDown(int left, CancellationTokenSource cancel) : IProgress<OperationProgress>
    {
        private int _left = left;

        public void Report(OperationProgress value)
        {
            if (--_left == 0)
            {
                cancel.Cancel();
            }
        }
    }
}
