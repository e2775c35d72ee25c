using System.Runtime.CompilerServices;

namespace QedVd.Host.Tests.Operations;

public sealed class PieceWorkersTests
{
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(2, 1, true)]
    [InlineData(2, 7, true)]
    [InlineData(4, 64, true)]
    [InlineData(3, 5, false)]
    [InlineData(4, 10_000, false)]
    public async Task Run_FinishesEveryPieceOnce_InOrderWhenAsked(int workers, int room, bool isOrdered)
    {
        const int Pieces = 1000;
        List<int> finished = [];
        Worker[] all = [.. Enumerable.Range(0, workers).Select(index => new Worker(index, room, finished))];

        await PieceWorkers<int>.RunAsync(PlanAsync(Pieces), all, isOrdered, default);

        Assert.Equal(Enumerable.Range(0, Pieces), isOrdered ? finished : finished.Order());
        Assert.All(all, worker => Assert.InRange(worker.MostAtATime, 0, room));
        Assert.Equal(Math.Min(room, Pieces), all.Max(worker => worker.MostAtATime));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_WorkerThatFails_StopsTheOthers_AndIsToldOnce(bool isOrdered)
    {
        List<int> finished = [];
        Worker[] all = [.. Enumerable.Range(0, 3).Select(index => new Worker(index, 4, finished) { FailsAt = 500 })];

        InvalidDataException failure = await Assert.ThrowsAsync<InvalidDataException>(() => PieceWorkers<int>.RunAsync(PlanAsync(100_000), all, isOrdered, default).AsTask());

        Assert.Equal("500", failure.Message);
        Assert.DoesNotContain(500, finished);
        if (isOrdered)
        {
            // Behind it nothing is finished; the two before it may not be either.
            Assert.InRange(finished.Count, 500 - (2 * 4), 500);
        }
    }

    [Fact]
    public async Task Run_WorkerThatFails_LetsNobodyWaitOn()
    {
        var waiting = new Worker(0, 1, []) { Preparing = cancellationToken => Task.Delay(Timeout.Infinite, cancellationToken) };
        var failing = new Worker(1, 1, []) { Preparing = _ => Task.FromException(new InvalidDataException("now")) };

        Task run = PieceWorkers<int>.RunAsync(PlanAsync(10), [waiting, failing], isOrdered: true, default).AsTask();

        InvalidDataException failure = await Assert.ThrowsAsync<InvalidDataException>(() => run.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal("now", failure.Message);
    }

    [Fact]
    public async Task Run_ThatIsCancelled_SaysSo_WithTheCallersToken()
    {
        using var stop = new CancellationTokenSource();
        var waiting = new Worker(0, 1, []) { Preparing = cancellationToken => Task.Delay(Timeout.Infinite, cancellationToken) };

        Task run = PieceWorkers<int>.RunAsync(PlanAsync(10), [waiting], isOrdered: true, stop.Token).AsTask();
        await stop.CancelAsync();

        Assert.Equal(stop.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run)).CancellationToken);
    }

    [Fact]
    public async Task Run_WorkerWithoutRoomForOnePiece_Fails_InsteadOfLeavingTheRestOut() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => PieceWorkers<int>.RunAsync(PlanAsync(10), [new Worker(0, room: 0, [])], isOrdered: true, default).AsTask());

    [Fact]
    public async Task Run_WorkerThatNeedsNoMore_EndsThePlan()
    {
        List<int> finished = [];
        Worker[] all = [.. Enumerable.Range(0, 3).Select(index => new Worker(index, 4, finished) { EndsAt = 500 })];

        await PieceWorkers<int>.RunAsync(PlanAsync(int.MaxValue), all, isOrdered: true, default);

        Assert.Equal(Enumerable.Range(0, finished.Count), finished);
        Assert.InRange(finished.Count, 501, 520);
    }

    private static async IAsyncEnumerable<int> PlanAsync(int count, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (int i = 0; i < count; i++)
        {
            if (i % 97 == 0)
            {
                await Task.Yield();
            }

            cancellationToken.ThrowIfCancellationRequested();
            yield return i;
        }
    }

    private sealed class Worker(int index, int room, List<int> finished) : IPieceWorker<int>
    {
        private readonly Random _random = new(index);
        private readonly List<int> _pieces = [];

        public int FailsAt { get; init; } = -1;

        public int EndsAt { get; init; } = -1;

        public int MostAtATime { get; private set; }

        public Func<CancellationToken, Task> Preparing { get; init; } = _ => Task.CompletedTask;

        public bool TryTake(int piece)
        {
            if (_pieces.Count == room)
            {
                return false;
            }

            _pieces.Add(piece);
            MostAtATime = Math.Max(MostAtATime, _pieces.Count);
            return true;
        }

        public async ValueTask PrepareAsync(CancellationToken cancellationToken)
        {
            if (_random.Next(3) == 0)
            {
                await Task.Yield();
            }

            await Preparing(cancellationToken);
            if (_pieces.Contains(FailsAt))
            {
                throw new InvalidDataException($"{FailsAt}");
            }
        }

        public ValueTask<bool> FinishAsync(CancellationToken cancellationToken)
        {
            bool goesOn = !_pieces.Contains(EndsAt);
            lock (finished)
            {
                finished.AddRange(_pieces);
            }

            _pieces.Clear();
            return new ValueTask<bool>(goesOn);
        }
    }
}
