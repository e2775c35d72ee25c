using System.Runtime.CompilerServices;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What reads, writes and zero requests answer, as the contract words it; and that the fast ways allocate nothing.</summary>
public sealed class AnswerTests
{
    private const int Cluster = 4096;

    // The last cluster of the disk has one sector.
    private const int Size = (20 * Cluster) + 512;

    [Theory]
    [InlineData(100, 200, 200, 100, Cluster - 300)]
    [InlineData(100, 3 * Cluster, Cluster - 100, 100, 0)]
    [InlineData(0, 100, 100, 0, Cluster - 100)]
    [InlineData(19 * Cluster, Cluster - 1, Cluster - 1, 0, 1)]
    [InlineData((20 * Cluster) + 1, 511, 511, 1, Cluster - 512)]
    public void Write_OfAPartOfAFreeClusterOverAParent_AnswersFree(int offset, int length, long free, long pre, long post)
    {
        using QedImage image = Open(withParent: true);

        Assert.Equal(WriteResult.Free(free, pre, post), image.Write(offset, new byte[length]));
        Assert.Equal(WriteResult.Free(free, pre, post), image.WriteZeroes(offset, length));
        Assert.Equal(WriteResult.Done(length), image.Discard(offset, length));
        Assert.Equal(ExtentKind.Free, image.Read(offset, new byte[length]).Kind);
    }

    [Theory]
    [InlineData(0, (3 * Cluster) + 10, 3 * Cluster)]
    [InlineData(Cluster, 4 * Cluster, 4 * Cluster)]
    [InlineData(20 * Cluster, 512, 512)]
    [InlineData(20 * Cluster, Cluster, Cluster)]
    [InlineData(18 * Cluster, (2 * Cluster) + 512, (2 * Cluster) + 512)]
    [InlineData(18 * Cluster, 3 * Cluster, 3 * Cluster)]
    public void Write_OfWholeClustersOverAParent_AllocatesThemInOneGo(int offset, int length, int done)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        using QedImage image = Images.Open(file);
        image.Write(10 * Cluster, new byte[Cluster]);
        int writes = file.CountOf(StorageOperationKind.Write);

        Assert.Equal(WriteResult.Done(done), image.Write(offset, ConcurrencyTests.Pattern(length, 1)));
        Assert.Equal(writes + 1, file.CountOf(StorageOperationKind.Write));
        int inside = Math.Min(done, Size - offset);
        Assert.Equal(ConcurrencyTests.Pattern(length, 1)[..inside], GuestDisk.Read(image, offset, inside));
        Assert.Equal(new Extent(ExtentKind.Data, inside, image.Map(offset, 1).StorageOffset, IsAllocated: true), image.Map(offset, inside));
    }

    [Fact]
    public void Write_BeyondTheEndOfWhatLiesBeneath_MayBeAPart()
    {
        using QedImage image = Open(withParent: true);
        image.SetBeneath(Beneath.UpTo((4 * Cluster) + 1));

        Assert.True(image.Write(4 * Cluster, new byte[100]).IsFree);
        Assert.Equal(WriteResult.Done(100), image.Write((5 * Cluster) + 7, new byte[100]));
        Assert.Equal(WriteResult.Done(Cluster), image.Write(4 * Cluster, new byte[Cluster + 100]));
        Assert.Equal(WriteResult.Done(Cluster), image.WriteZeroes(7 * Cluster, Cluster));
        Assert.Equal(ExtentKind.Free, image.Map(7 * Cluster, Cluster).Kind);
    }

    [Fact]
    public void NoAllocate_AnswersTheWholeFreeRun_AndChangesNothing()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using QedImage image = Images.Open(file);

        Assert.Equal(WriteResult.Free(3 * Cluster, 10, Cluster - 10), image.Write(10, new byte[3 * Cluster], WriteFlags.NoAllocate));
        Assert.Equal(0, file.CountOfChanges());
        image.Write(0, new byte[Cluster]);
        Assert.Equal(WriteResult.Done(100), image.Write(10, new byte[100], WriteFlags.NoAllocate));
    }

    [Fact]
    public void Write_IntoAZeroCluster_LeavesTheRestZero_WhateverLiesBeneath()
    {
        using QedImage image = Open(withParent: true);
        Assert.Equal(WriteResult.Done(2 * Cluster), image.WriteZeroes(Cluster, 2 * Cluster));
        Assert.Equal(ExtentKind.Zero, image.Map(Cluster, Cluster).Kind);

        Assert.Equal(WriteResult.Done(100), image.Write(Cluster + 50, ConcurrencyTests.Pattern(100, 1)));

        byte[] expected = new byte[2 * Cluster];
        ConcurrencyTests.Pattern(100, 1).CopyTo(expected, 50);
        Assert.Equal(expected, GuestDisk.Read(image, Cluster, 2 * Cluster, Enumerable.Repeat((byte)9, Size).ToArray()));
    }

    [Fact]
    public void Zero_OfAllocatedClusters_PunchesOneHole_KeepsTheMapping_AndMapSeesIt()
    {
        (SimulatedFile file, QedImage opened) = WriteBackTests.Settled(withParent: false);
        using QedImage image = opened;
        for (int done = 0; done < 4 * Cluster;)
        {
            done += (int)image.Write(done, ConcurrencyTests.Pattern(4 * Cluster, 1).AsSpan(done)).LengthBytes;
        }

        long length = file.LengthBytes;

        Assert.Equal(["punchhole"], WriteBackTests.Record(file, () => image.WriteZeroes(Cluster, 2 * Cluster)));
        Assert.Equal(new Extent(ExtentKind.Zero, 2 * Cluster, image.Map(Cluster, 1).StorageOffset, IsAllocated: true), image.Map(Cluster, 3 * Cluster));
        Assert.Equal(new byte[2 * Cluster], GuestDisk.Read(image, Cluster, 2 * Cluster));
        Assert.Equal(length, file.LengthBytes);
    }

    [Fact]
    public void FastOnlyZero_WhereItWouldHaveToWrite_IsNotSupported()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, facts: SimulatedFile.GoodFacts & ~StorageFacts.CanPunchHoles);
        using QedImage image = Images.Open(file);
        image.Write(Cluster, ConcurrencyTests.Pattern(Cluster, 1));

        Assert.Equal(WriteResult.Done(Cluster), image.WriteZeroes(0, 2 * Cluster, WriteFlags.FastOnly));
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => image.WriteZeroes(Cluster, Cluster, WriteFlags.FastOnly)).Kind);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, Cluster, Cluster));
        Assert.Equal(WriteResult.Done(Cluster), image.WriteZeroes(Cluster, Cluster));
        Assert.Equal(new byte[Cluster], GuestDisk.Read(image, Cluster, Cluster));
    }

    [Fact]
    public void ContiguousClusters_AreOneRead()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using QedImage image = Images.Open(file);
        image.Write(0, ConcurrencyTests.Pattern(8 * Cluster, 1));
        int reads = file.CountOf(StorageOperationKind.Read);

        byte[] buffer = new byte[7 * Cluster];
        Assert.Equal(new ReadResult(ExtentKind.Data, buffer.Length), image.Read(100, buffer));
        Assert.Equal(ConcurrencyTests.Pattern(8 * Cluster, 1)[100..(buffer.Length + 100)], buffer);
        Assert.Equal(reads + 1, file.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public void SetOpenFlags_ToReadOnlyAndBack_TrimsRefusesAndGoesOn()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using QedImage image = Images.Open(file);
        image.Write(0, ConcurrencyTests.Pattern(Cluster, 1));

        SyncIo.Complete(image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly));
        Images.AssertClean(file);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, new byte[1])).Kind);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 0, Cluster));

        SyncIo.Complete(image.SetOpenFlagsAsync(ImageOpenFlags.None));
        image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
        image.Close();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task ReadsAndWritesInPlace_AllocateNothing()
    {
        await using MappedStorage storage = new(Images.Create(Size, Cluster, 1));
        using QedImage image = (QedImage)new QedBackend().Open(storage, new ImageOpenOptions { Time = new FakeTime() });
        byte[] buffer = new byte[Cluster];
        image.Write(0, new byte[4 * Cluster]);
        image.Flush();

        Assert.Equal(0, Allocations.LeastOf(100, _ => Requests(image, buffer)));
    }

    [Theory]
    [InlineData(64 << 20, 16)]
    [InlineData(64 << 20, 1)]
    public void TablesOfUpToAGibibyte_AreReadInSlices(int clusterBytes, int tableClusters)
    {
        SimulatedFile file = Images.Create(1L << 50, clusterBytes, tableClusters);
        file.KeepsTrace = false;
        long offset = (1L << 49) + 12345;
        TablePool pool = new(8 * 4096);
        using (QedImage image = Images.Open(file, pool: pool))
        {
            GuestDisk.Write(image, offset, ConcurrencyTests.Pattern(1000, 1));
        }

        // The check in the opening for writing reads L1; a read-only one reads what it needs.
        using QedImage again = Images.Open(file, pool: pool, readOnly: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(ConcurrencyTests.Pattern(1000, 1), GuestDisk.Read(again, offset, 1000));
        Assert.Equal(ExtentKind.Free, again.Map(0, 1L << 48).Kind);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.InRange(pool.PagesInUse, 1, 8);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Requests(QedImage image, byte[] buffer)
    {
        image.Read(100, buffer);
        image.Write(100, buffer);
        ValueTask<ReadResult> read = image.ReadAsync(0, buffer);
        Assert.True(read.IsCompletedSuccessfully);
        ValueTask<WriteResult> write = image.WriteAsync(Cluster, buffer);
        Assert.True(write.IsCompletedSuccessfully);
        image.TryMap(0, Size, out _);
        image.Read(10 * Cluster, buffer);
    }

    private static QedImage Open(bool withParent) => Images.Open(Images.Create(Size, Cluster, 1, withParent));

    /// <summary>Bytes in an array: a storage that allocates nothing itself.</summary>
    private sealed class MappedStorage(SimulatedFile file) : IImageStorage
    {
        private readonly byte[] _bytes = [.. file.ReadBytes(0, (int)file.LengthBytes), .. new byte[1 << 20]];
        private long _length = file.LengthBytes;

        public string Name => "mapped";

        public StorageFacts Facts => SimulatedFile.GoodFacts;

        public StorageIdentity Identity => default;

        public bool IsReadOnly => false;

        public long GetLength() => _length;

        public int Read(long offset, Span<byte> buffer)
        {
            _bytes.AsSpan((int)offset, buffer.Length).CopyTo(buffer);
            return buffer.Length;
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(offset, buffer.Span));

        public void Write(long offset, ReadOnlySpan<byte> buffer) => buffer.CopyTo(_bytes.AsSpan((int)offset));

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(offset, buffer.Span);
            return default;
        }

        public void SetLength(long lengthBytes) => _length = lengthBytes;

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
        {
            SetLength(lengthBytes);
            return default;
        }

        public void Barrier()
        {
        }

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => default;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
