using QedVd.Host.Tests.Maintenance;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

public sealed class PushMergeTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 64 * Cluster;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Any range, in any direction; the disk and each level that stays read as before, and the rest is gone.</summary>
    [Theory]
    [InlineData(MergeDirection.Down)]
    [InlineData(MergeDirection.Up)]
    [InlineData(MergeDirection.Auto)]
    public async Task Merge_OfRandomRanges_KeepsWhatTheDiskReads(MergeDirection direction)
    {
        int seed = (int)LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        for (int round = 0; round < 25; round++)
        {
            var random = new Random(seed + round);
            int levels = random.Next(2, 6);
            PushChain chain = PushChain.Draw(_test, random, levels, $"{round}-", withRaw: round % 3 != 0);
            int from = random.Next(levels - 1);
            int to = random.Next(from + 1, levels);
            bool isKept = random.Next(4) == 0;
            string what = $"seed {seed}, round {round}: {from} to {to} of {levels}, kept {isKept}";
            byte[] disk = chain.Views[0];
            MergeResult result;
            string path;
            using (VirtualDisk open = chain.Open())
            {
                PushChain.Scribble(open, disk, random, 1);
                result = await open.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction, KeepFiles = isKept }, cancellationToken: Stop);
                path = open.Path;
                PushChain.AssertSame(disk, PushChain.ReadAll(open), what);
                Assert.Equal(levels - (to - from), open.Levels.Count);
                Assert.False(open.IsReadOnly);
                PushChain.Scribble(open, disk, random, 2);
                PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{what}, written on");
                open.Close();
            }

            bool isDown = result.Direction == MergeDirection.Down;
            Assert.Equal(chain.Paths[isDown ? to : from], result.SurvivorPath);
            string[] gone = [.. chain.Paths.Skip(isDown ? from : from + 1).Take(to - from)];
            Assert.Equal(gone.Order(), (isKept ? result.KeptPaths : result.RemovedPaths).Order());
            Assert.Empty(isKept ? result.RemovedPaths : result.KeptPaths);
            Assert.All(gone, file => Assert.Equal(isKept, File.Exists(file)));
            Assert.Equal(isDown && from == 0 ? result.SurvivorPath : chain.Paths[0], path);
            Assert.DoesNotContain(_test.Files, file => file.StartsWith('.'));

            int top = chain.Paths.ToList().IndexOf(path);
            PushChain.AssertSame(disk, chain.Read(top), $"{what}, opened again");
            if (from > 0)
            {
                PushChain.AssertSame(chain.Views[from], chain.Read(isDown ? to : from), $"{what}, the survivor");
            }

            await chain.AssertCleanAsync(Enumerable.Range(0, levels).Where(level => !gone.Contains(chain.Paths[level])));
        }
    }

    [Fact]
    public async Task MergeDown_FromTheTop_UnderLoad_LosesNothing()
    {
        int seed = (int)LongRun.Seed();
        byte[] model = new byte[Size];
        string path = _test.Qed("0.qed", Size, clusterBytes: 8192);
        using (VirtualDisk disk = _test.Host.OpenDisk(path))
        {
            var load = new DiskLoad(disk, model);
            for (int round = 1; round <= 12; round++)
            {
                await load.PassAsync(60);
                await disk.SnapshotAsync(_test[$"{round}.qed"], cancellationToken: Stop);
                await load.PassAsync(60);
                if (disk.Levels.Count == 4)
                {
                    using var cancel = new CancellationTokenSource();
                    if (round % 4 == 0)
                    {
                        cancel.CancelAfter(2);
                    }

                    try
                    {
                        await disk.MergeAsync(new MergeOptions { ToDepth = 3, Direction = MergeDirection.Down }, cancellationToken: cancel.Token);
                        Assert.Single(disk.Levels);
                    }
                    catch (OperationCanceledException)
                    {
                        // It may have come any way.
                        await disk.MergeAsync(new MergeOptions { ToDepth = disk.Levels.Count - 1, Direction = MergeDirection.Down }, cancellationToken: Stop);
                    }
                }
            }

            await load.PassAsync(60);
            await load.StopAsync();
            PushChain.AssertSame(model, PushChain.ReadAll(disk), $"seed {seed}");
            path = disk.Path;
            disk.Close();
        }

        using VirtualDisk again = _test.Host.OpenDisk(path);
        PushChain.AssertSame(model, PushChain.ReadAll(again), $"seed {seed}, opened again");
        Assert.Equal(again.Levels.Count, _test.Files.Length);
    }

    [Fact]
    public async Task Merge_IsRefused_WhenAnotherImageNeedsALevel_AndAutoGoesTheOtherWay()
    {
        _test.Qed("base.qed", Size);
        string mid = _test.Qed("mid.qed", Size, "base.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        string other = _test.Qed("other.qed", Size, "base.qed");
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.MergeAsync(top, new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains(other, refused.Message, StringComparison.Ordinal);

        // Upwards the base would go, which the other one needs as well; but not when its file stays.
        Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(top, new MergeOptions { FromDepth = 1, ToDepth = 2 }, cancellationToken: Stop))).Kind);
        MergeResult result = await _test.Host.MergeAsync(top, new MergeOptions { FromDepth = 1, ToDepth = 2, KeepFiles = true }, cancellationToken: Stop);
        Assert.Equal((MergeDirection.Up, mid), (result.Direction, result.SurvivorPath));
        using VirtualDisk still = _test.Host.OpenDisk(other);
        Assert.Equal(2, still.Levels.Count);
    }

    [Fact]
    public async Task Merge_ChoosesWhatIsLessWork()
    {
        Fill(_test.Qed("base.qed", Size), 0, Size, 1);
        Fill(_test.Qed("top.qed", Size, "base.qed"), 0, Cluster, 2);
        MergeResult down = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);
        Assert.Equal((MergeDirection.Down, (long)Cluster, _test["base.qed"]), (down.Direction, down.CopiedBytes, down.SurvivorPath));

        Fill(_test.Qed("top.qed", Size, "base.qed"), Cluster, Size - Cluster, 3);
        MergeResult up = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);
        Assert.Equal((MergeDirection.Up, _test["top.qed"]), (up.Direction, up.SurvivorPath));
        Assert.Equal(["top.qed"], _test.Files);
    }

    [Fact]
    public async Task MergeDown_IntoAShorterOrLongerLevel_GivesItTheSizeOfTheHighest()
    {
        Fill(_test.Qed("base.qed", 2 * Size), 0, 2 * Size, 1);
        _test.Qed("mid.qed", Size, "base.qed");
        _test.Qed("top.qed", 3 * Size, "mid.qed");
        await _test.Host.MergeAsync(_test["top.qed"], new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop);
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]))
        {
            Assert.Equal(Size, disk.Levels[1].VirtualSizeBytes);
            byte[] all = PushChain.ReadAll(disk);
            Assert.True(all[Size - 1] == 1 && !all.AsSpan(Size).ContainsAnyExcept((byte)0));
        }

        await _test.Host.MergeAsync(_test["top.qed"], new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop);
        using VirtualDisk one = _test.Host.OpenDisk(_test["base.qed"]);
        Assert.Equal(3 * Size, one.LengthBytes);
        Assert.False(PushChain.ReadAll(one).AsSpan(Size).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Merge_OfLevelsThatAreNotThere_OrWithAnOpenChild_IsRefused()
    {
        _test.Qed("base.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "base.qed"));
        foreach ((int from, int to) in ((int, int)[])[(0, 0), (1, 1), (0, 2), (-1, 1), (1, 0)])
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to }, cancellationToken: Stop));
            Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        }

        var down = new MergeOptions { Direction = MergeDirection.Down };
        using (_test.Host.OpenDisk(_test.Qed("sub/child.qed", Size), new DiskOpenOptions { ParentDisk = disk }))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(down, cancellationToken: Stop))).Kind);
        }

        await disk.MergeAsync(down, cancellationToken: Stop);
        Assert.Equal(_test["base.qed"], disk.Path);
    }

    public void Dispose() => _test.Dispose();

    private void Fill(string path, int offset, int length, byte value)
    {
        byte[] data = new byte[length];
        data.AsSpan().Fill(value);
        using VirtualDisk disk = _test.Host.OpenDisk(path);
        disk.Write(offset, data);
        disk.Close();
    }
}
