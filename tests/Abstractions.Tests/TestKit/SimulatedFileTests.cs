using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

public sealed class SimulatedFileTests
{
    private readonly SimulatedFile _file = new();

    [Fact]
    public void Read_OfWhatWasNeverWritten_IsZero_AndShortAtTheEnd()
    {
        using SimulatedStorage storage = _file.Open();
        storage.Write(10_000, [1, 2, 3]);

        byte[] buffer = [9, 9, 9, 9, 9, 9];
        Assert.Equal(4, storage.Read(9_999, buffer));
        Assert.Equal([0, 1, 2, 3, 9, 9], buffer);
        Assert.Equal(0, storage.Read(10_003, buffer));
        Assert.Equal(0, storage.Read(1 << 20, buffer));
    }

    [Fact]
    public void Content_AfterManyOperations_IsThatOfAnArray()
    {
        var random = new Random(5);
        byte[] model = [];
        using SimulatedStorage storage = _file.Open();
        for (int step = 0; step < 3000; step++)
        {
            int offset = random.Next(40_000);
            int length = random.Next(9_000);
            switch (random.Next(6))
            {
                case 0:
                    int cut = random.Next(50_000);
                    storage.SetLength(cut);
                    Array.Resize(ref model, cut);
                    break;
                case 1:
                    storage.PunchHole(offset, length);
                    model.AsSpan(Math.Min(offset, model.Length), Math.Clamp(model.Length - offset, 0, length)).Clear();
                    break;
                case 2:
                    storage.Allocate(offset, length);
                    Array.Resize(ref model, Math.Max(model.Length, length == 0 ? 0 : offset + length));
                    break;
                case 3:
                    _ = _file.Copy(); // shares its pages from now on
                    break;
                default:
                    byte[] data = new byte[length];
                    random.NextBytes(data);
                    storage.Write(offset, data);
                    if (length > 0)
                    {
                        Array.Resize(ref model, Math.Max(model.Length, offset + length));
                        data.CopyTo(model, offset);
                    }

                    break;
            }

            if (step % 50 == 0)
            {
                Assert.Equal(model.Length, storage.GetLength());
                Assert.Equal(model, _file.ReadBytes(0, model.Length));
                AssertHolesAreZero(storage, model);
            }
        }
    }

    [Fact]
    public void Copy_IsNotChangedByLaterWrites_NorTheOtherWayRound()
    {
        using SimulatedStorage storage = _file.Open();
        storage.Write(0, [1, 1]);
        SimulatedFile copy = _file.Copy();
        storage.Write(0, [2]);
        using SimulatedStorage other = copy.Open();
        other.Write(1, [3]);

        Assert.Equal([2, 1], _file.ReadBytes(0, 2));
        Assert.Equal([1, 3], copy.ReadBytes(0, 2));
    }

    [Fact]
    public void ComputeHash_DependsOnLengthAndBytesOnly()
    {
        using SimulatedStorage storage = _file.Open();
        storage.Write(5000, [7]);
        string before = _file.ComputeHash();
        storage.Write(0, new byte[600]);
        Assert.Equal(before, _file.ComputeHash());
        storage.SetLength(5002);
        string longer = _file.ComputeHash();
        Assert.NotEqual(before, longer);
        storage.Write(0, [1]);
        Assert.NotEqual(longer, _file.ComputeHash());
    }

    [Fact]
    public void Fault_StrikesTheNthOperationOfItsKind_Once()
    {
        using SimulatedStorage storage = _file.Open();
        StorageFault fault = _file.Fail(StorageOperationKind.Write, nth: 2, ImageErrorKind.OutOfSpace);
        storage.Write(0, [1]);
        storage.SetLength(100);
        Assert.Equal(ImageErrorKind.OutOfSpace, Assert.Throws<ImageException>(() => storage.Write(1, [2])).Kind);
        storage.Write(2, [3]);

        Assert.Equal([1, 0, 3], _file.ReadBytes(0, 3));
        Assert.Equal(1, fault.Hits);
    }

    [Fact]
    public void StickyFault_StrikesUntilCleared()
    {
        using SimulatedStorage storage = _file.Open();
        _file.Fail(StorageOperationKind.Write, isSticky: true);
        Assert.Throws<ImageException>(() => storage.Write(0, [1]));
        Assert.Throws<ImageException>(() => storage.Write(0, [1]));
        _file.ClearFaults();
        storage.Write(0, [1]);
    }

    [Fact]
    public void PartialWriteFault_WritesTheFirstBytes_AndFails()
    {
        using SimulatedStorage storage = _file.Open();
        _file.Fail(new StorageFault { Kind = StorageOperationKind.Write, PartialBytes = 2 });
        Assert.Throws<ImageException>(() => storage.Write(0, [1, 2, 3]));
        Assert.Equal([1, 2], _file.ReadBytes(0, 10));
    }

    [Fact]
    public void ShortReadFault_ReturnsFewerBytes_WithoutAnError()
    {
        using SimulatedStorage storage = _file.Open();
        storage.Write(0, [1, 2, 3]);
        _file.Fail(new StorageFault { Kind = StorageOperationKind.Read, PartialBytes = 1 });
        Assert.Equal(1, storage.Read(0, new byte[3]));
        Assert.Equal(3, storage.Read(0, new byte[3]));
    }

    [Fact]
    public void FailedBarrier_Fences_UntilTheFileIsOpenedAgain()
    {
        using SimulatedStorage storage = _file.Open();
        _file.Fail(StorageOperationKind.Barrier);
        storage.Write(0, [1]);
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(storage.Barrier).Kind);

        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(storage.Barrier).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => storage.Write(0, [2])).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => storage.SetLength(9)).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => storage.PunchHole(0, 1)).Kind);
        Assert.Equal(1, storage.Read(0, new byte[5]));
        Assert.Equal(0, _file.DurableCount);

        using SimulatedStorage later = _file.Open();
        Assert.NotNull(later.EarlierFence);
        later.Write(0, [2]);
        later.Barrier();
    }

    [Fact]
    public async Task Barrier_CoversWhatHadTakenEffectWhenItBegan_AndNoMore()
    {
        using SimulatedStorage storage = _file.Open();
        storage.Write(0, [1]);
        using StorageGate gate = _file.Hold(StorageOperationKind.Barrier);
        Task barrier = Task.Run(storage.Barrier, TestContext.Current.CancellationToken);
        await gate.Reached;
        storage.Write(1000, [2]);
        Assert.Equal(0, _file.DurableCount);
        gate.Release();
        await barrier;

        Assert.Equal(1, _file.DurableCount);
        Assert.Equal([0, 1], _file.Trace.Where(operation => operation.IsChange).Select(operation => operation.Epoch));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Gate_HoldsTheOperation_BeforeOrAfterItsEffect(bool afterEffect)
    {
        await using SimulatedStorage storage = _file.Open();
        using StorageGate gate = _file.Hold(StorageOperationKind.Write, nth: 2, afterEffect);
        await storage.WriteAsync(0, new byte[] { 1 }, TestContext.Current.CancellationToken);
        ValueTask write = storage.WriteAsync(0, new byte[] { 2 }, TestContext.Current.CancellationToken);
        await gate.Reached;

        Assert.False(write.IsCompleted);
        Assert.Equal(afterEffect ? 2 : 1, _file.ReadBytes(0, 1)[0]);
        gate.Release();
        await write;
        Assert.Equal(2, _file.ReadBytes(0, 1)[0]);
    }

    [Fact]
    public void CompletesInline_Off_MakesEveryAsynchronousMemberWait()
    {
        using SimulatedStorage storage = _file.Open();
        Assert.True(storage.WriteAsync(0, new byte[1]).AsTask().IsCompleted);
        _file.CompletesInline = false;
        using StorageGate gate = _file.Hold(StorageOperationKind.Read);
        Assert.False(storage.ReadAsync(0, new byte[1]).AsTask().IsCompleted);
    }

    [Fact]
    public void Facts_SwitchedOff_AreKeptTo()
    {
        var plain = new SimulatedFile("plain", StorageFacts.None, new byte[5000]);
        using SimulatedStorage storage = plain.Open();
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => storage.PunchHole(0, 1)).Kind);
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => storage.SetLength(1)).Kind);
        Assert.Equal(new StorageExtent(5000, IsHole: false), storage.GetExtent(0));
        Assert.Equal(0, plain.CountOfChanges());
    }

    [Fact]
    public void ReadOnlyStorage_RefusesEveryChange()
    {
        using SimulatedStorage storage = _file.Open(readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => storage.Write(0, [1])).Kind);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => storage.Allocate(0, 1)).Kind);
        Assert.Equal(0, _file.LengthBytes);
    }

    [Fact]
    public void Dispose_EndsTheHandle_AndOnlyIt()
    {
        SimulatedStorage first = _file.Open();
        using SimulatedStorage second = _file.Open();
        first.Dispose();
        first.Dispose();
        Assert.Equal(1, _file.OpenHandles);
        Assert.Throws<ObjectDisposedException>(() => first.Write(0, [1]));
        second.Write(0, [1]);
    }

    private static void AssertHolesAreZero(SimulatedStorage storage, byte[] model)
    {
        for (long offset = 0; offset < model.Length;)
        {
            StorageExtent extent = storage.GetExtent(offset);
            Assert.InRange(extent.LengthBytes, 1, model.Length - offset);
            Assert.False(extent.IsHole && model.AsSpan((int)offset, (int)extent.LengthBytes).ContainsAnyExcept((byte)0));
            offset += extent.LengthBytes;
        }
    }
}
