using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What fails while nobody waits for it is tried again, or told to who asks next; and who shares a commit shares its failure.</summary>
public sealed class BackgroundFailureTests
{
    private const int Cluster = 4096;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void WriteBackByTheTimer_ThatFails_IsTriedAgain_WithoutAFlush()
    {
        FakeTime time = new();
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: true, time: time);
        using (image)
        {
            image.Write(70 * Cluster, new byte[Cluster]);
            StorageFault fault = file.Fail(new StorageFault { Kind = StorageOperationKind.Write, Error = ImageErrorKind.OutOfSpace });
            Assert.True(SpinWait.SpinUntil(() => Step(time, fault.Hits == 1), 30_000));
            Assert.Equal(ExtentKind.Free, KindInFile(file, 70 * Cluster));

            Assert.True(SpinWait.SpinUntil(() => Step(time, image.DirtySlices == 0), 30_000));
            Assert.Equal(ExtentKind.Data, KindInFile(file, 70 * Cluster));
            image.Flush();
            image.Close();
        }

        Images.AssertClean(file);
    }

    [Fact]
    public void WriteBackByTheTimer_OnAFileThatIsFencedByThen_IsNotTriedForEver_AndTheNextFlushSaysSo()
    {
        FakeTime time = new();
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: true, time: time);
        image.Write(70 * Cluster, new byte[Cluster]);
        StorageFault fault = file.Fail(new StorageFault { Kind = StorageOperationKind.Barrier, IsSticky = true });
        Assert.True(SpinWait.SpinUntil(() => Step(time, fault.Hits == 1), 30_000));

        // Whatever is due after that: the storage refuses, and then nobody asks it any more.
        Assert.True(SpinWait.SpinUntil(() => Step(time, time.PendingTimers == 0), 30_000));
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(new byte[Cluster], GuestDisk.Read(image, 70 * Cluster, Cluster));
        Assert.Throws<ImageException>(image.Close);
    }

    [Fact]
    public async Task FlushesThatShareACommit_ShareItsFailure_AndTheNextOneIsTriedAnew()
    {
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: true);
        await using (image)
        {
            image.Write(70 * Cluster, new byte[Cluster]);
            using StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
            Task first = Task.Run(image.Flush, Stop);
            await barrier.Reached;

            // The second one waits for the first commit to end, and begins the next; the third one joins that.
            image.Write(71 * Cluster, new byte[Cluster]);
            Task second = image.FlushAsync(Stop).AsTask();
            Task third = image.FlushAsync(Stop).AsTask();
            int writes = file.CountOf(StorageOperationKind.Write);
            StorageFault fault = file.Fail(new StorageFault { Kind = StorageOperationKind.Write, Nth = 2, Error = ImageErrorKind.OutOfSpace });
            barrier.Release();

            await first;
            ImageException of2 = await Assert.ThrowsAsync<ImageException>(() => second);
            ImageException of3 = await Assert.ThrowsAsync<ImageException>(() => third);
            Assert.Equal((ImageErrorKind.OutOfSpace, of2.Message, 1), (of3.Kind, of3.Message, fault.Hits));
            Assert.Equal(writes + 2, file.CountOf(StorageOperationKind.Write));
            await image.FlushAsync(Stop);
            Assert.Equal(ExtentKind.Data, KindInFile(file, 71 * Cluster));
        }

        Images.AssertClean(file);
    }

    private static bool Step(FakeTime time, bool isThere)
    {
        if (!isThere)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
        }

        return isThere;
    }

    private static ExtentKind KindInFile(SimulatedFile file, long offset)
    {
        using QedImage left = Images.Open(file.Copy(), readOnly: true);
        return left.Map(offset, Cluster).Kind;
    }
}
