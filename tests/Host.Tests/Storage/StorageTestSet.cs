namespace QedVd.Host.Tests.Storage;

/// <summary>What every storage does, in both forms of each call. Run over all of them.</summary>
public abstract class StorageTestSet
{
    private const long FourGiB = 4L << 30;

    public static TheoryData<bool> BothForms => [false, true];

    /// <summary>An empty writable storage.</summary>
    protected abstract IImageStorage Create();

    /// <summary>The same bytes once more, read-only. The first one has been disposed.</summary>
    protected abstract IImageStorage ReopenReadOnly(IImageStorage disposed);

    [Theory, MemberData(nameof(BothForms))]
    public async Task Read_OfWhatWasWritten_ReturnsIt(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(100_000);

        await Form.Write(storage, asynchronous, 12_345, data);

        Assert.Equal(data, await ReadAll(storage, asynchronous, 12_345, data.Length));
        Assert.Equal(112_345, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Read_AcrossTheEnd_IsShort_AndBeyondItReturnsNothing(bool asynchronous)
    {
        using IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 0, Pattern(5000));
        byte[] buffer = new byte[8192];

        Assert.Equal(5000, await Form.Read(storage, asynchronous, 0, buffer));
        Assert.Equal(1, await Form.Read(storage, asynchronous, 4999, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, 5000, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, long.MaxValue - 100_000, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, 100, Array.Empty<byte>()));
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Write_BeyondTheEnd_LeavesZerosBetween(bool asynchronous)
    {
        using IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 0, Pattern(100));
        await Form.Write(storage, asynchronous, 20_000, Pattern(100));

        ShouldBeZero(await ReadAll(storage, asynchronous, 100, 19_900));
        Assert.Equal(20_100, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Write_OfNothing_ChangesNothing(bool asynchronous)
    {
        using IImageStorage storage = Create();

        await Form.Write(storage, asynchronous, 1000, Array.Empty<byte>());

        Assert.Equal(0, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Write_BeyondFourGiB_IsReadBackThere(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(200_000);

        await Form.Write(storage, asynchronous, FourGiB + 123, data);

        Assert.Equal(data, await ReadAll(storage, asynchronous, FourGiB + 123, data.Length));
        Assert.Equal(FourGiB + 123 + data.Length, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task SetLength_CutAndGrownAgain_ShowsZerosNotTheOldBytes(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(30_000);
        await Form.Write(storage, asynchronous, 0, data);

        await Form.SetLength(storage, asynchronous, 10_001);
        Assert.Equal(10_001, storage.GetLength());
        await Form.SetLength(storage, asynchronous, 50_000);

        byte[] back = await ReadAll(storage, asynchronous, 0, 50_000);
        Assert.Equal(data[..10_001], back[..10_001]);
        ShouldBeZero(back.AsSpan(10_001));
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task PunchHole_ZeroesTheRangeOnly_OrSaysThatItCannot(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(100_000);
        await Form.Write(storage, asynchronous, 0, data);

        if (!storage.Facts.HasFlag(StorageFacts.CanPunchHoles))
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await Form.PunchHole(storage, asynchronous, 1000, 50_000));
            Assert.Equal(ImageErrorKind.NotSupported, refused.Kind);
            Assert.Equal(data, await ReadAll(storage, asynchronous, 0, data.Length));
            return;
        }

        await Form.PunchHole(storage, asynchronous, 1000, 50_000);
        await Form.PunchHole(storage, asynchronous, 60_000, 10);
        await Form.PunchHole(storage, asynchronous, 99_999, 1_000_000);

        Array.Clear(data, 1000, 50_000);
        Array.Clear(data, 60_000, 10);
        data[99_999] = 0;
        Assert.Equal(data, await ReadAll(storage, asynchronous, 0, data.Length));
        Assert.Equal(100_000, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Allocate_GrowsAndReadsZero_AndKeepsWhatIsThere(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(8192);
        await Form.Write(storage, asynchronous, 0, data);

        // Longer than one piece of a loop that writes zeros.
        await Form.Allocate(storage, asynchronous, 8192, 700_000);

        Assert.Equal(708_192, storage.GetLength());
        byte[] back = await ReadAll(storage, asynchronous, 0, 708_192);
        Assert.Equal(data, back[..8192]);
        ShouldBeZero(back.AsSpan(8192));
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task GetExtent_WhereDataBehindAHoleWasPunchedSinceItWasFound_IsAHole(bool asynchronous)
    {
        using IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 1 << 20, Pattern(65536));
        await Form.SetLength(storage, asynchronous, 2 << 20);
        if (!storage.Facts.HasFlag(StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles))
        {
            return;
        }

        Assert.Equal(new StorageExtent(1 << 20, IsHole: true), storage.GetExtent(0));
        await Form.PunchHole(storage, asynchronous, 1 << 20, 65536);

        Assert.Equal(new StorageExtent(1 << 20, IsHole: true), storage.GetExtent(1 << 20));
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task GetExtent_WalkedFromTheStart_CoversTheLength_AndHolesReadZero(bool asynchronous)
    {
        using IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 1 << 20, Pattern(65536));
        await Form.Write(storage, asynchronous, 3 << 20, Pattern(65536));
        await Form.SetLength(storage, asynchronous, 5 << 20);

        List<(long Offset, StorageExtent Extent)> extents = [];
        for (long offset = 0; offset < 5 << 20;)
        {
            StorageExtent extent = storage.GetExtent(offset);
            Assert.True(extent.LengthBytes > 0, $"Nothing at {offset}.");
            extents.Add((offset, extent));
            offset += extent.LengthBytes;
        }

        Assert.Equal(5 << 20, extents.Sum(e => e.Extent.LengthBytes));
        Assert.Equal(0, storage.GetExtent(5 << 20).LengthBytes);
        Assert.Equal(0, storage.GetExtent(FourGiB).LengthBytes);
        foreach ((long offset, StorageExtent extent) in extents.Where(e => e.Extent.IsHole))
        {
            ShouldBeZero(await ReadAll(storage, asynchronous, offset, (int)extent.LengthBytes));
        }

        if (storage.Facts.HasFlag(StorageFacts.CanMapHoles))
        {
            Assert.Equal([true, false, true, false, true], extents.Select(e => e.Extent.IsHole));
            Assert.True(storage.GetAllocatedBytes() < 1 << 20, "The holes take room.");
        }
        else
        {
            Assert.Equal(new StorageExtent(5 << 20, false), Assert.Single(extents).Extent);
        }
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Vectors_AreOneRun_AlsoWithEmptyOnesAndMoreThanOneCallTakes(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(3 * 1500);
        ReadOnlyMemory<byte>[] sources = [.. Enumerable.Range(0, 1500).Select(i => new ReadOnlyMemory<byte>(data, i * 3, 3)), ReadOnlyMemory<byte>.Empty];

        await (asynchronous ? storage.WriteAsync(77, sources) : Done(() => storage.Write(77, sources)));

        Assert.Equal(data, await ReadAll(storage, asynchronous, 77, data.Length));
        byte[] back = new byte[data.Length];
        Memory<byte>[] targets = [Memory<byte>.Empty, .. Enumerable.Range(0, 1500).Select(i => new Memory<byte>(back, i * 3, 3))];
        Assert.Equal(data.Length, asynchronous ? await storage.ReadAsync(77, targets) : storage.Read(77, targets));
        Assert.Equal(data, back);
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Vectors_AcrossTheEnd_AreShort(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(1000);
        await Form.Write(storage, asynchronous, 0, data);
        byte[][] back = [new byte[400], new byte[400], new byte[400], new byte[400]];
        Memory<byte>[] targets = [.. back.Select(b => b.AsMemory())];

        Assert.Equal(900, asynchronous ? await storage.ReadAsync(100, targets) : storage.Read(100, targets));

        Assert.Equal(data[100..], back.SelectMany(b => b).Take(900));
        Assert.Equal(0, asynchronous ? await storage.ReadAsync(1000, targets) : storage.Read(1000, targets));
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Barrier_AfterChanges_ReturnsAndChangesNothing(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(70_000);
        await Form.Write(storage, asynchronous, 0, data);
        await Form.SetLength(storage, asynchronous, 200_000);

        await Form.Barrier(storage, asynchronous);
        await Form.Barrier(storage, asynchronous);

        Assert.Equal(data, await ReadAll(storage, asynchronous, 0, data.Length));
    }

    [Fact]
    public async Task Cancelled_BeforeItStarts_DoesNothing()
    {
        using IImageStorage storage = Create();
        var cancelled = new CancellationToken(canceled: true);
        byte[] small = Pattern(10);
        byte[] large = Pattern(200_000);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.WriteAsync(0, small, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.WriteAsync(0, large, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.ReadAsync(0, small, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.SetLengthAsync(10, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.AllocateAsync(0, 10, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await storage.BarrierAsync(cancelled));

        Assert.Equal(0, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Arguments_OutOfRange_AreRefused(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] buffer = new byte[10];

        await Assert.ThrowsAnyAsync<ArgumentOutOfRangeException>(async () => await Form.Read(storage, asynchronous, -1, buffer));
        await Assert.ThrowsAnyAsync<ArgumentOutOfRangeException>(async () => await Form.Write(storage, asynchronous, -1, buffer));
        await Assert.ThrowsAnyAsync<ArgumentOutOfRangeException>(async () => await Form.SetLength(storage, asynchronous, -1));
        Assert.Equal(0, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task ReadOnly_RefusesEveryChange_AndReads(bool asynchronous)
    {
        IImageStorage first = Create();
        byte[] data = Pattern(9000);
        await Form.Write(first, asynchronous, 0, data);
        StorageIdentity identity = first.Identity;
        await first.DisposeAsync();
        using IImageStorage storage = ReopenReadOnly(first);

        Assert.True(storage.IsReadOnly);
        Assert.Equal(identity, storage.Identity);
        await ShouldBeReadOnly(() => Form.Write(storage, asynchronous, 0, data));
        await ShouldBeReadOnly(() => Form.Write(storage, asynchronous, 0, Pattern(100_000)));
        await ShouldBeReadOnly(() => Form.SetLength(storage, asynchronous, 0));
        await ShouldBeReadOnly(() => Form.Allocate(storage, asynchronous, 0, 100_000));
        if (storage.Facts.HasFlag(StorageFacts.CanPunchHoles))
        {
            await ShouldBeReadOnly(() => Form.PunchHole(storage, asynchronous, 0, 4096));
        }

        Assert.Equal(data, await ReadAll(storage, asynchronous, 0, 9000));
        Assert.Equal(9000, storage.GetLength());
    }

    [Fact]
    public async Task Identity_TellsTwoStoragesApart()
    {
        using IImageStorage one = Create();
        using IImageStorage other = Create();

        Assert.NotEqual(one.Identity, other.Identity);
        Assert.NotEqual(one.Name, other.Name);
        await one.WriteAsync(0, Pattern(10));
        Assert.Equal(0, other.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Disposed_ThrowsInsteadOfUsingAnotherFile(bool asynchronous)
    {
        IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 0, Pattern(10));

        storage.Dispose();
        storage.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Form.Read(storage, asynchronous, 0, new byte[10]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Form.Write(storage, asynchronous, 0, new byte[10]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Form.Barrier(storage, asynchronous));
    }

    [Fact]
    public async Task Threads_InPlacesOfTheirOwn_DoNotDisturbEachOther()
    {
        const int Threads = 8;
        const int PieceBytes = 3000;
        const int Rounds = 200;
        using IImageStorage storage = Create();
        byte[][] model = [.. Enumerable.Range(0, Threads).Select(_ => new byte[PieceBytes * Rounds])];

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(async () =>
        {
            var random = new Random(thread);
            for (int round = 0; round < Rounds; round++)
            {
                // Neighbours share pages: thread t has piece t of every group of eight.
                int piece = random.Next(Rounds);
                long offset = ((long)piece * Threads + thread) * PieceBytes;
                Memory<byte> mine = model[thread].AsMemory(piece * PieceBytes, PieceBytes);
                switch (random.Next(4))
                {
                    case 0:
                        random.NextBytes(mine.Span);
                        storage.Write(offset, mine.Span);
                        break;
                    case 1:
                        random.NextBytes(mine.Span);
                        await storage.WriteAsync(offset, mine);
                        break;
                    case 2 when storage.Facts.HasFlag(StorageFacts.CanPunchHoles):
                        mine.Span.Clear();
                        await storage.PunchHoleAsync(offset, PieceBytes);
                        break;
                    default:
                        byte[] back = new byte[PieceBytes];
                        int count = random.Next(2) == 0 ? storage.Read(offset, back) : await storage.ReadAsync(offset, back);
                        Assert.True(mine.Span.StartsWith(back.AsSpan(0, count)));
                        Assert.True(mine.Span[count..].IndexOfAnyExcept((byte)0) < 0);
                        break;
                }

                if (round % 50 == 0)
                {
                    await storage.BarrierAsync();
                }
            }
        })));

        await storage.SetLengthAsync((long)PieceBytes * Rounds * Threads);
        for (int thread = 0; thread < Threads; thread++)
        {
            for (int piece = 0; piece < Rounds; piece++)
            {
                byte[] back = await ReadAll(storage, asynchronous: true, ((long)piece * Threads + thread) * PieceBytes, PieceBytes);
                Assert.Equal(model[thread].AsSpan(piece * PieceBytes, PieceBytes).ToArray(), back);
            }
        }
    }

    protected static byte[] Pattern(int lengthBytes, int seed = 1)
    {
        byte[] data = new byte[lengthBytes];
        new Random(seed).NextBytes(data);
        return data;
    }

    private static async Task<byte[]> ReadAll(IImageStorage storage, bool asynchronous, long offset, int lengthBytes)
    {
        byte[] buffer = new byte[lengthBytes];
        buffer.AsSpan().Fill(0xA5);
        Assert.Equal(lengthBytes, await Form.Read(storage, asynchronous, offset, buffer));
        return buffer;
    }

    private static void ShouldBeZero(ReadOnlySpan<byte> bytes) => Assert.Equal(-1, bytes.IndexOfAnyExcept((byte)0));

    private static async Task ShouldBeReadOnly(Func<ValueTask> change)
    {
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await change());
        Assert.Equal(ImageErrorKind.ReadOnly, refused.Kind);
    }

    private static ValueTask Done(Action action)
    {
        action();
        return default;
    }
}
