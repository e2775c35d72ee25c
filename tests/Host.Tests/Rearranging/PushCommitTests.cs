using QedVd.Host.Tests.Maintenance;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

public sealed class PushCommitTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 64 * Cluster;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Commit_MovesTheTopIntoItsParent_AndEmptiesIt()
    {
        string parent = _test.Qed("base.qed", Size);
        string top = _test.Qed("top.qed", Size, "base.qed");
        long emptyLength = new FileInfo(top).Length;
        byte[] data = Some(Size / 2, 1);
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            disk.Write(Cluster + 100, data);
            CommitResult result = await disk.CommitAsync(cancellationToken: Stop);

            Assert.Equal((parent, 0), (result.TargetPath, result.SupersededPaths.Count));
            Assert.Equal((data.Length / Cluster * Cluster) + Cluster, result.CopiedBytes);
            Assert.Equal(ExtentKind.Data, disk.Map(Cluster, 1).Kind);
            Assert.Equal(1, disk.Map(Cluster, 1).Depth);
            Assert.Equal(data, Read(disk, Cluster + 100, data.Length));

            // Once more: nothing is left to do.
            Assert.Equal(0, (await disk.CommitAsync(cancellationToken: Stop)).CopiedBytes);
            disk.Write(0, [7]);
            Assert.Equal(data, Read(disk, Cluster + 100, data.Length));
        }

        using (VirtualDisk disk = _test.Host.OpenDisk(parent))
        {
            Assert.Equal(data, Read(disk, Cluster + 100, data.Length));
            Assert.Equal(0, Read(disk, 0, 1)[0]);
        }

        Assert.True((await _test.Host.CheckAsync(parent, cancellationToken: Stop)).IsClean);
        Assert.True((await _test.Host.CheckAsync(top, cancellationToken: Stop)).IsClean);
        Assert.Equal(1, (await _test.Host.CommitAsync(top, cancellationToken: Stop)).CopiedBytes / Cluster);
        Assert.Equal(emptyLength, new FileInfo(top).Length);
    }

    [Fact]
    public async Task Commit_ThatKeepsTheTop_LeavesItFilled()
    {
        _test.Qed("base.qed", Size);
        string top = _test.Qed("top.qed", Size, "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(top);
        disk.Write(0, Some(Cluster, 2));
        await disk.CommitAsync(new CommitOptions { KeepTop = true }, cancellationToken: Stop);
        Assert.Equal(0, disk.Map(0, Cluster).Depth);
        Assert.Equal(2, disk.Levels.Count);
    }

    /// <summary>Everything at once: lengths, cluster sizes, markers, what a shorter level hides; against the bytes that each level must read as.</summary>
    [Fact]
    public async Task Commit_OfRandomChains_KeepsTheDisk_AndTheTargetReadsLikeIt()
    {
        int seed = (int)LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        for (int round = 0; round < 40; round++)
        {
            var random = new Random(seed + round);
            int levels = random.Next(2, 6);
            PushChain chain = PushChain.Draw(_test, random, levels, $"{round}-");
            int target = random.Next(1, levels);
            bool isKept = random.Next(2) == 0;
            string what = $"seed {seed}, round {round}: {levels} levels into {target}, kept {isKept}";
            byte[] disk = chain.Views[0];
            using (VirtualDisk open = chain.Open())
            {
                CommitResult result = await open.CommitAsync(new CommitOptions { TargetDepth = target, KeepTop = isKept }, cancellationToken: Stop);
                Assert.Equal(chain.Paths.Skip(1).Take(target - 1), result.SupersededPaths);
                Assert.Equal(levels - target + 1, open.Levels.Count);
                PushChain.AssertSame(disk, PushChain.ReadAll(open), what);
                foreach (string superseded in result.SupersededPaths)
                {
                    File.Delete(superseded);
                }

                PushChain.Scribble(open, disk, random, random.Next(3));
                PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{what}, written on");
                if (!isKept)
                {
                    await open.CommitAsync(cancellationToken: Stop);
                    PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{what}, again");
                }

                open.Close();
            }

            PushChain.AssertSame(disk, chain.Read(0), $"{what}, opened again");
            if (!isKept)
            {
                byte[] expected = chain.Views[target].Length > disk.Length ? [.. disk, .. chain.Views[target].AsSpan(disk.Length)] : disk;
                PushChain.AssertSame(expected, chain.Read(target), $"{what}, the target");
            }

            await chain.AssertCleanAsync(0, target);
        }
    }

    [Fact]
    public async Task Commit_OverAShorterLevel_HidesWhatIsLongerBeneath()
    {
        byte[] old = Some(Size, 3);
        Fill(_test.Qed("base.qed", Size), old);
        _test.Qed("short.qed", 8 * Cluster, "base.qed");
        string top = _test.Qed("top.qed", Size, "short.qed");
        await _test.Host.CommitAsync(top, new CommitOptions { TargetDepth = 2 }, cancellationToken: Stop);
        using VirtualDisk disk = _test.Host.OpenDisk(_test["base.qed"]);
        Assert.Equal(old[..(8 * Cluster)], Read(disk, 0, 8 * Cluster));
        Assert.False(Read(disk, 8 * Cluster, Size - (8 * Cluster)).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Commit_PastLevels_ThatDeletesThem_LeavesNothingInTheWayOfTheNext()
    {
        _test.Qed("base.qed", Size);
        string low = _test.Qed("low.qed", Size, "base.qed");
        string mid = _test.Qed("mid.qed", Size, "low.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        byte[] data = Some(Cluster, 4);
        Fill(mid, data);
        CommitResult result = await _test.Host.CommitAsync(top, new CommitOptions { TargetDepth = 3, DeleteSuperseded = true }, cancellationToken: Stop);
        Assert.Empty(result.SupersededPaths);
        Assert.Equal([mid, low], result.DeletedPaths);
        Assert.Equal(["base.qed", "top.qed"], _test.Files);
        using VirtualDisk disk = _test.Host.OpenDisk(top);
        Assert.Equal(data, Read(disk, 0, Cluster));
        Assert.Empty((await disk.CommitAsync(cancellationToken: Stop)).DeletedPaths);
    }

    [Fact]
    public async Task Commit_PastLevels_OfWhichAnOverlayIsMadeMeanwhile_KeepsThem()
    {
        _test.Qed("base.qed", Size);
        string mid = _test.Qed("mid.qed", Size, "base.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        Fill(top, Some(Cluster, 5));
        var progress = new Now(_ =>
        {
            if (!File.Exists(_test["late.qed"]))
            {
                _test.Qed("late.qed", Size, "mid.qed");
            }
        });
        CommitResult result = await _test.Host.CommitAsync(top, new CommitOptions { TargetDepth = 2, DeleteSuperseded = true }, progress: progress, cancellationToken: Stop);
        Assert.True(File.Exists(_test["late.qed"]));
        Assert.Equal([mid], result.SupersededPaths);
        Assert.Empty(result.DeletedPaths);
        Assert.True(File.Exists(mid));
    }

    [Fact]
    public async Task Commit_PastLevels_BesideAnImageThatCannotBeRead_KeepsThem()
    {
        _test.Qed("base.qed", Size);
        string mid = _test.Qed("mid.qed", Size, "base.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        using (FileStream damaged = File.OpenWrite(_test.Qed("damaged.qed", Size, "mid.qed")))
        {
            // Clusters that are no power of two: what its parent is cannot be told.
            damaged.Position = 4;
            damaged.WriteByte(3);
        }

        CommitResult result = await _test.Host.CommitAsync(top, new CommitOptions { TargetDepth = 2, DeleteSuperseded = true }, cancellationToken: Stop);
        Assert.Equal([mid], result.SupersededPaths);
        Assert.True(File.Exists(mid));
    }

    [Fact]
    public async Task Commit_PastALevelThatSomebodyReads_LeavesIt_AndTheSameCommitDeletesItLater()
    {
        _test.Qed("base.qed", Size);
        string low = _test.Qed("low.qed", Size, "base.qed");
        string mid = _test.Qed("mid.qed", Size, "low.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        var options = new CommitOptions { DeleteSuperseded = true };
        using (FileStorage.Open(low, new FileStorageOptions { ReadOnly = true }))
        {
            CommitResult result = await _test.Host.CommitAsync(top, options with { TargetDepth = 3 }, cancellationToken: Stop);
            Assert.Equal([low], result.SupersededPaths);
            Assert.Equal([mid], result.DeletedPaths);
        }

        // Gone now or before.
        Assert.Equal([mid, low], (await _test.Host.CommitAsync(top, options, cancellationToken: Stop)).DeletedPaths);
        Assert.Equal(["base.qed", "top.qed"], _test.Files);
        Assert.Empty((await _test.Host.CommitAsync(top, options, cancellationToken: Stop)).DeletedPaths);
    }

    [Fact]
    public async Task Commit_IsRefused_WhenAnotherImageNeedsTheTargetOrALevelBetween()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("mid.qed", Size, "base.qed");
        string top = _test.Qed("top.qed", Size, "mid.qed");
        string other = _test.Qed("sub/other.qed", Size, "../mid.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(top);
        disk.Write(0, [1]);
        var there = new CommitOptions { TargetDepth = 2, SiblingFolders = [_test["sub"]] };
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(there, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains(other, refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, disk.Map(0, 1).Depth);
        Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(there with { TargetDepth = 1 }, cancellationToken: Stop))).Kind);

        // Found in the chain's own folder without being told.
        File.Move(other, _test["other.qed"]);
        await _test.Host.SetParentNameAsync(_test["other.qed"], _test["base.qed"], cancellationToken: Stop);
        Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(new CommitOptions { TargetDepth = 2 }, cancellationToken: Stop))).Kind);

        // What is over a level beneath the target is not concerned.
        await disk.CommitAsync(cancellationToken: Stop);
    }

    [Fact]
    public async Task Commit_IntoATargetInUse_IsRefused_NamesIt_AndTheDiskGoesOn()
    {
        string parent = _test.Qed("base.qed", Size);
        string top = _test.Qed("top.qed", Size, "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(top);
        disk.Write(0, [1]);
        using (_test.Host.OpenDisk(parent, new DiskOpenOptions { ReadOnly = true }))
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(cancellationToken: Stop));
            Assert.Equal(ImageErrorKind.InUse, refused.Kind);
            Assert.Contains("base.qed", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(1, Read(disk, 0, 1)[0]);
        await disk.CommitAsync(cancellationToken: Stop);

        // Afterwards others may read the parent again.
        _test.Host.OpenDisk(parent, new DiskOpenOptions { ReadOnly = true }).Dispose();
    }

    [Fact]
    public async Task Commit_IntoAnOpenDisk_OrNoLevel_IsRefused()
    {
        using VirtualDisk parent = _test.Host.OpenDisk(_test.Qed("base.qed", Size));
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        disk.Write(0, [1]);
        Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(cancellationToken: Stop))).Kind);
        foreach (int depth in (int[])[0, 2, -1])
        {
            Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(new CommitOptions { TargetDepth = depth }, cancellationToken: Stop))).Kind);
        }

        Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await parent.CommitAsync(cancellationToken: Stop))).Kind);
    }

    [Fact]
    public async Task Commit_UnderLoad_LosesNothing()
    {
        const int Rounds = 6;
        int seed = (int)LongRun.Seed();
        var random = new Random(seed);
        PushChain chain = PushChain.Draw(_test, random, 3);
        byte[] model = chain.Views[0];
        byte[] padded = model.Length >= 16 * 512 ? model : new byte[64 * 512];
        using (VirtualDisk disk = chain.Open())
        {
            if (padded != model)
            {
                await disk.ResizeAsync(padded.Length, cancellationToken: Stop);
                model.CopyTo(padded, 0);
            }

            var load = new DiskLoad(disk, padded);
            for (int round = 0; round < Rounds; round++)
            {
                await load.PassAsync(50);
                foreach (string gone in chain.Paths.Except(disk.Levels.Select(level => level.Path)))
                {
                    File.Delete(gone);
                }

                using var cancel = new CancellationTokenSource();
                if (round % 3 == 1)
                {
                    cancel.CancelAfter(random.Next(4));
                }

                try
                {
                    await disk.CommitAsync(new CommitOptions { TargetDepth = Math.Min(disk.Levels.Count - 1, 1 + (round / 4)), KeepTop = round % 2 == 1 }, cancellationToken: cancel.Token);
                }
                catch (OperationCanceledException)
                {
                    // The chain is as valid as before.
                }
            }

            await load.PassAsync(50);
            await load.StopAsync();
            PushChain.AssertSame(padded, PushChain.ReadAll(disk), $"seed {seed}");
            disk.Close();
        }

        PushChain.AssertSame(padded, chain.Read(0), $"seed {seed}, opened again");
        await chain.AssertCleanAsync(0, 1, 2);
    }

    public void Dispose() => _test.Dispose();

    private void Fill(string path, byte[] data)
    {
        using VirtualDisk disk = _test.Host.OpenDisk(path);
        disk.Write(0, data);
        disk.Close();
    }

    private static byte[] Some(int length, int seed)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    private static byte[] Read(VirtualDisk disk, long offset, int length)
    {
        byte[] data = new byte[length];
        disk.Read(offset, data);
        return data;
    }
}
