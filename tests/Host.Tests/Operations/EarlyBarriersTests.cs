using QedVd.TestKit;

namespace QedVd.Host.Tests.Operations;

public sealed class EarlyBarriersTests
{
    private const long Step = 32L << 20;

    private readonly SimulatedFile _file = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Note_AsksOnceForEachStep_AndNotWhileOneIsUnderWay()
    {
        using SimulatedStorage storage = _file.Open();
        var barriers = new EarlyBarriers(storage);
        StorageGate second = _file.Hold(StorageOperationKind.Barrier, nth: 2);
        List<int> counts = [];

        await barriers.WhileAsync(async () =>
        {
            foreach (long written in new[] { 0, Step - 1, Step, Step + 1, 2 * Step })
            {
                barriers.Note(written);
                counts.Add(_file.CountOf(StorageOperationKind.Barrier));
            }

            await second.Reached;
            barriers.Note(5 * Step);
            second.Release();
        });

        Assert.Equal([0, 0, 1, 1, 2], counts);
        Assert.Equal(2, _file.CountOf(StorageOperationKind.Barrier));
    }

    [Fact]
    public async Task While_ReturnsWhenTheLastBarrierHas()
    {
        using SimulatedStorage storage = _file.Open();
        var barriers = new EarlyBarriers(storage);
        StorageGate gate = _file.Hold(StorageOperationKind.Barrier);

        Task writing = barriers.WhileAsync(() =>
        {
            barriers.Note(Step);
            return default;
        }).AsTask();
        await gate.Reached;

        Assert.False(writing.IsCompleted);
        gate.Release();
        await writing;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_BarrierThatFails_IsTheError_NotTheFenceThatItLeaves(bool isWrittenOn)
    {
        using SimulatedStorage storage = _file.Open();
        var barriers = new EarlyBarriers(storage);
        _file.Fail(StorageOperationKind.Barrier);

        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => barriers.WhileAsync(async () =>
        {
            barriers.Note(Step);

            // What was under way when it failed.
            barriers.Note(3 * Step);
            if (isWrittenOn)
            {
                await storage.WriteAsync(0, new byte[512], Stop);
            }
        }).AsTask());

        Assert.Equal(ImageErrorKind.Io, failure.Kind);
    }

    [Fact]
    public async Task While_WriterThatFails_IsTheError_WhateverBecomesOfTheBarrier()
    {
        using SimulatedStorage storage = _file.Open();
        var barriers = new EarlyBarriers(storage);
        _file.Fail(StorageOperationKind.Barrier);

        await Assert.ThrowsAsync<InvalidDataException>(() => barriers.WhileAsync(() =>
        {
            barriers.Note(Step);
            throw new InvalidDataException();
        }).AsTask());
    }

    [Fact]
    public async Task Note_WhereNothingIsToBeDurable_DoesNothing()
    {
        var barriers = new EarlyBarriers(null);

        await barriers.WhileAsync(() =>
        {
            barriers.Note(4 * Step);
            return default;
        });
    }
}
