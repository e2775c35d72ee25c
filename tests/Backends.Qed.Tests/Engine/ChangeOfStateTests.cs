using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What an image is told while it is open: what lies beneath, whether it may be written, and that its file is not what it was.</summary>
public sealed class ChangeOfStateTests
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    [Fact]
    public void SetBeneath_ThatFails_LeavesTheAnswerAsItWas()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        using QedImage image = Images.Open(file);
        image.Write(0, new byte[Cluster]);
        file.Fail(StorageOperationKind.Write);

        Assert.Throws<ImageException>(() => image.SetBeneath(Beneath.Nothing));
        Assert.True(image.Write(5 * Cluster, new byte[100]).IsFree, "a part of a cluster was written as if nothing lay beneath");

        image.SetBeneath(Beneath.Nothing);
        Assert.False(image.Write(5 * Cluster, new byte[100]).IsFree);
    }

    [Fact]
    public async Task SetBeneath_GivenUpBeforeItsTurn_LeavesTheAnswerAsItWas()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        using QedImage image = Images.Open(file);
        StorageGate data = file.Hold(StorageOperationKind.Write, where: (_, bytes) => bytes == Cluster);
        Task write = Task.Run(() => image.Write(0, new byte[Cluster]));
        await data.Reached;
        ValueTask first = image.SetBeneathAsync(Beneath.Unknown);
        using CancellationTokenSource source = new();
        Task second = image.SetBeneathAsync(Beneath.Nothing, source.Token).AsTask();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        data.Release();
        await write;
        await first;

        Assert.True(image.Write(5 * Cluster, new byte[100]).IsFree);
    }

    [Fact]
    public void SetBeneath_MakesDurable_WhatTheTimerHasWrittenWithoutABarrier()
    {
        FakeTime time = new();
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: false, time: time);
        using (image)
        {
            image.Write(5 * Cluster, new byte[Cluster]);
            time.Advance(TimeSpan.FromMilliseconds(10));
            Assert.True(SpinWait.SpinUntil(() => image.DirtySlices == 0, 30_000));

            Assert.Equal(["barrier"], WriteBackTests.Record(file, () => image.SetBeneath(Beneath.Unknown)));
        }
    }

    [Fact]
    public async Task BecomingReadOnly_EndsALongZeroRequest_AndNothingIsChangedAfterwards()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        using QedImage image = Images.Open(file);

        // Three runs: data, free, data. Between them the request is in no epoch.
        image.Write(0, new byte[Cluster]);
        image.Write(10 * Cluster, new byte[Cluster]);
        image.Flush();
        StorageGate first = file.Hold(StorageOperationKind.PunchHole);
        StorageGate second = file.Hold(StorageOperationKind.PunchHole, nth: 2);
        Task<WriteResult> zero = Task.Run(() => image.WriteZeroes(0, 11 * Cluster));
        await first.Reached;
        Task readOnly = image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly).AsTask();
        first.Release();
        await Task.WhenAny(second.Reached, zero);
        second.Release();
        await readOnly;
        string then = file.ComputeHash();
        WriteResult result = await zero;

        Assert.Equal(WriteResult.Done(Cluster), result);
        Assert.Equal(then, file.ComputeHash());
        Assert.Equal(0, image.DirtySlices);
    }

    [Fact]
    public async Task BecomingWritable_TwiceAtOnce_HandsNoClusterOutTwice()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, new byte[Cluster]);
        }

        await using QedImage image = OpenReadOnly(file);
        StorageGate held = file.Hold(StorageOperationKind.Read, where: (offset, _) => offset == Cluster);
        Task first = Task.Run(() => image.SetOpenFlagsAsync(ImageOpenFlags.None).AsTask());
        await held.Reached;
        Task second = image.SetOpenFlagsAsync(ImageOpenFlags.None).AsTask();
        await Task.WhenAny(second, Task.Delay(50));
        if (second.IsCompleted)
        {
            image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        }

        held.Release();
        await first;
        await second;
        image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        image.Write(6 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 5 * Cluster, Cluster));
        image.Flush();
        Assert.True(Images.Check(file).IsSound);
    }

    [Fact]
    public async Task BecomingWritable_LooksAtTheFileAgain_AndAtItsTables()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, new byte[Cluster]);
        }

        TablePool pool = new(1 << 20);
        await using (QedImage image = OpenReadOnly(file, pool))
        {
            Assert.Equal(ExtentKind.Free, image.Map(Cluster, Cluster).Kind);
            Assert.Equal(ExtentKind.Free, image.Map(600 * Cluster, Cluster).Kind);
            Assert.True(image.TryMap(600 * Cluster, Cluster, out _));
            using (QedImage other = Images.Open(file))
            {
                other.Write(Cluster, ConcurrencyTests.Pattern(Cluster, 1));
                other.Write(600 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
            }

            await image.SetOpenFlagsAsync(ImageOpenFlags.None);

            Assert.False(image.TryMap(600 * Cluster, Cluster, out Extent seen) && seen.Kind == ExtentKind.Free);
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, Cluster, Cluster));
            image.Write(Cluster, new byte[10]);
            image.Write(600 * Cluster, new byte[10]);
            Assert.Equal([.. new byte[10], .. ConcurrencyTests.Pattern(Cluster, 2)[10..]], GuestDisk.Read(image, 600 * Cluster, Cluster));
        }

        Images.AssertClean(file);
        Assert.Equal(0, pool.PagesInUse);
    }

    [Fact]
    public void FileCutByAnother_IsSeenAtTheFlush_AndFencesTheImage()
    {
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: false);
        image.Write(5 * Cluster, new byte[Cluster]);
        using (SimulatedStorage other = file.Open())
        {
            other.SetLength(4 * Cluster);
        }

        ImageException failure = Assert.Throws<ImageException>(image.Flush);
        Assert.Equal(ImageErrorKind.Io, failure.Kind);
        Assert.Contains("truncated", failure.Message, StringComparison.Ordinal);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.Write(0, new byte[10])).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.Write(9 * Cluster, new byte[10])).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.WriteZeroes(0, 10)).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Close).Kind);
        Assert.Equal(4 * Cluster, file.LengthBytes);
        Assert.Equal(0, file.OpenHandles);
    }

    private static QedImage OpenReadOnly(SimulatedFile file, TablePool? pool = null) => (QedImage)new QedBackend().Open(file.Open(), new ImageOpenOptions
    {
        Flags = ImageOpenFlags.ReadOnly,
        Tables = pool ?? new TablePool(1 << 20),
        Time = new FakeTime(),
    });
}
