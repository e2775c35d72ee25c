using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>A compaction that fails, or is stopped, at any of its operations leaves a sound image, and another one finishes the work.</summary>
public sealed class CompactionFaultTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 2, true)]
    [InlineData(4, 1, false)]
    public async Task EveryOperation_FailingOnceOrFromThenOn_IsReported_AndTheNextCompactionFinishes(int seed, int tableClusters, bool withParent)
    {
        int rounds = 0;
        CompactionImage original = CompactionImage.Draw(seed, 4096, tableClusters, withParent, 900);
        CompactOptions options = new() { EqualsBeneath = original.EqualsBeneath };
        foreach (StorageOperationKind kind in Enum.GetValues<StorageOperationKind>().Where(kind => kind != StorageOperationKind.Mark))
        {
            foreach (bool isSticky in new[] { false, true })
            {
                bool hasStruck = true;
                for (int nth = 1; hasStruck; nth += nth < 12 ? 1 : nth / 6)
                {
                    string what = $"{kind} {nth}{(isSticky ? " and all after" : "")}";
                    CompactionImage made = original.Copy();
                    QedImage image = made.Open(pool: new TablePool(8 * TablePage.SizeBytes));
                    StorageFault fault = made.File.Fail(kind, nth, nth % 2 == 0 || kind == StorageOperationKind.Barrier ? ImageErrorKind.Io : ImageErrorKind.OutOfSpace, isSticky);
                    Exception? failure = await Record.ExceptionAsync(async () => await image.CompactAsync(options, cancellationToken: TestContext.Current.CancellationToken));
                    hasStruck = fault.Hits > 0;
                    made.File.ClearFaults();
                    Assert.True(failure is null or ImageException, $"{what}: {failure}");
                    made.AssertContent(image, $"after {what}: {failure?.Message}");

                    if (kind == StorageOperationKind.Barrier && hasStruck)
                    {
                        Assert.Equal(ImageErrorKind.Io, (failure as ImageException)?.Kind);
                        Assert.ThrowsAny<ImageException>(() => GuestDisk.Write(image, 0, new byte[10], made.Parent));
                        await Record.ExceptionAsync(async () => await image.CloseAsync());
                    }
                    else
                    {
                        // The guest goes on: nothing is held any more.
                        GuestDisk.Write(image, 0, new byte[4096], made.Parent);
                        made.Content.AsSpan(0, 4096).Clear();
                        image.Flush();
                        await image.CompactAsync(options, cancellationToken: TestContext.Current.CancellationToken);
                        made.AssertContent(image, $"compacted after {what}");
                        image.Close();
                        Images.AssertClean(made.File);
                        Assert.Equal(made.Asked(image.Header.Geometry), made.File.LengthBytes);
                    }

                    Assert.True(Images.Check(made.File).IsSound, what);
                    using QedImage again = Images.Open(made.File, readOnly: true);
                    made.AssertContent(again, $"opened again after {what}");
                    rounds++;
                }
            }
        }

        output.WriteLine($"{rounds} rounds");
        Assert.True(rounds > 60);
    }

    [Theory]
    [InlineData(StorageOperationKind.Read, 2)]
    [InlineData(StorageOperationKind.Write, 1)]
    [InlineData(StorageOperationKind.Barrier, 1)]
    public async Task CancelledAnywhere_LeavesASoundImage_NeverLonger_AndTheNextOneFinishes(StorageOperationKind kind, int step)
    {
        bool wasReached = true;
        int cancelled = 0;
        CompactionImage original = CompactionImage.Draw(3, 4096, 1, withParent: false, 2000);
        for (int nth = 1; wasReached; nth += step + (nth / 5))
        {
            CompactionImage made = original.Copy();
            long length = made.File.LengthBytes;
            using CancellationTokenSource source = new();
            QedImage image = made.Open(pool: new TablePool(8 * TablePage.SizeBytes));
            using StorageGate gate = made.File.Hold(kind, nth);
            Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: source.Token).AsTask();
            await Task.WhenAny(compaction, gate.Reached);
            wasReached = gate.IsReached;
            await source.CancelAsync();
            gate.Release();
            Exception? failure = await Record.ExceptionAsync(() => compaction);
            Assert.True(failure is null or OperationCanceledException, failure?.ToString());
            cancelled += failure is null ? 0 : 1;

            Assert.True(made.File.LengthBytes <= length, $"{kind} {nth}: {made.File.LengthBytes}, before {length}");
            made.AssertContent(image, $"{kind} {nth}");
            Assert.True(Images.Check(made.File).IsSound);
            await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
            made.AssertContent(image, $"compacted after {kind} {nth}");
            image.Close();
            Images.AssertClean(made.File);
            Assert.Equal(made.ShortestBytes(image.Header.Geometry), made.File.LengthBytes);
        }

        output.WriteLine($"{cancelled} cancelled");
        Assert.True(cancelled > 3);
    }
}
