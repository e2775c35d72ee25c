using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>The lives of chains that a virtual machine's layer of disks is tested with elsewhere, in our own words.</summary>
public sealed class ScenarioTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const long GiB = 1L << 30;

    private readonly ChainBench _bench = new(ChainBench.InMemory);
    private readonly long _seed = LongRun.Seed();
    private readonly Random _random;

    public ScenarioTests()
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {_seed}");
        _random = new Random((int)_seed);
    }

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BaseAndTwoOverlays_HalfWritten_ReadInBothForms_WhileTheTopIsTakenAwayAgainAndAgain(bool rawBase)
    {
        const int Size = 8 * MiB;
        ChainPlan plan = new()
        {
            Levels = [.. Enumerable.Range(0, 3).Select(i => new LevelPlan
            {
                Name = i == 0 && rawBase ? "0.raw" : $"{i}.qed",
                Format = i == 0 && rawBase ? "raw" : "qed",
                SizeBytes = Size,
                ClusterBytes = 4096 << (4 * (i % 2)),
                Changes = HalfOf(Size),
            })],
        };
        Assert.All(plan.Levels, level => Assert.InRange(BytesWritten(level), Size / 2, (Size / 2) + (64 * 1024)));
        TestChain chain = await _bench.MakeAsync(plan);

        while (true)
        {
            using (VirtualDisk disk = chain.Open())
            {
                await ReadInBothFormsAsync(disk, chain.View);
                await disk.CloseAsync();
            }

            await chain.ShouldHoldAsync($"{chain.Levels.Count} levels", files: true);
            if (chain.Levels.Count == 1)
            {
                break;
            }

            File.Delete(chain.Top.Path);
            chain.Levels.RemoveAt(0);
        }
    }

    [Fact]
    public async Task ThirtyRoundsOfRandomSegments_OverUpToFiveOverlays_WithMergesOfRandomRanges_BothWays()
    {
        const int Rounds = 30;
        const int MostOverlays = 5;
        TestChain chain = await _bench.MakeAsync(ChainPlan.Draw(_random, new ChainPlanOptions { MostLevels = 1, MostClusterBytes = 65536 }));
        int snapshots = 0;
        Dictionary<MergeDirection, int> merges = new() { [MergeDirection.Down] = 0, [MergeDirection.Up] = 0 };
        for (int round = 0; round < Rounds; round++)
        {
            string what = $"seed {_seed}, round {round}";
            using VirtualDisk disk = chain.Open();
            await chain.WriteAsync(disk, _random, _random.Next(1, 12));
            for (int levels = _random.Next(2, MostOverlays + 2); chain.Levels.Count < levels; snapshots++)
            {
                string path = _bench[$"snapshot{snapshots}.qed"];
                await disk.SnapshotAsync(path);
                chain.PutOnTop(path);
                await chain.WriteAsync(disk, _random, _random.Next(1, 12));
            }

            await chain.ShouldBeReadFromAsync(disk, what);
            int from = _random.Next(chain.Levels.Count - 1);
            int to = _random.Next(from + 1, chain.Levels.Count);
            MergeDirection direction = round % 2 == 0 ? MergeDirection.Down : MergeDirection.Up;
            MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction });
            merges[result.Direction]++;
            chain.Merge(from, to, result.Direction == MergeDirection.Down);

            await chain.ShouldBeReadFromAsync(disk, what);
            await chain.WriteAsync(disk, _random, _random.Next(1, 12));
            await disk.CloseAsync();
            await chain.ShouldHoldAsync(what, files: true);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{snapshots} snapshots, {merges[MergeDirection.Down]} merges down, {merges[MergeDirection.Up]} up");
        Assert.Equal((Rounds / 2, Rounds / 2), (merges[MergeDirection.Down], merges[MergeDirection.Up]));
    }

    [Fact]
    public async Task CopyOfAChainOfFive_LevelByLevel_IsTheSameChain_AndLivesOnItsOwn()
    {
        TestChain chain = await _bench.MakeAsync(ChainPlan.Draw(_random, new ChainPlanOptions { LeastLevels = 5, MostLevels = 5, MostChanges = 20 }), _bench.NewFolder("chain"));
        var history = new ChainHistory(_bench, chain, _random, $"seed {_seed}");
        await history.RunAsync("copy");

        TestChain copy = chain.Clone();
        string folder = _bench["copied"];
        copy.Levels.ForEach(level => level.Path = Path.Combine(folder, level.Name));
        using (VirtualDisk disk = copy.Open())
        {
            await copy.WriteAsync(disk, _random, 10);
            await disk.CloseAsync();
        }

        await copy.ShouldHoldAsync($"seed {_seed}: the copy, written to", files: true);
        await chain.ShouldHoldAsync($"seed {_seed}: what was copied", files: true);
    }

    [Theory]
    [InlineData(65536, 4)]
    [InlineData(4096, 16)]
    public async Task Resize_OfADiskOfOneTebibyte_KeepsWhatLiesAt255GiB(int clusterBytes, int tableClusters)
    {
        // With 4 KiB clusters and tables of 16 the longest disk is of 256 GiB.
        long tebibyte = clusterBytes == 65536 ? 1024 * GiB : 256 * GiB;
        TestChain chain = await _bench.MakeAsync(new ChainPlan
        {
            Levels =
            [
                new LevelPlan
                {
                    Name = "large.qed", Format = "qed", SizeBytes = tebibyte, ClusterBytes = clusterBytes, TableClusters = tableClusters,
                    Changes = [new GuestChange(GuestChangeKind.Data, (255 * GiB) - 5000, 70_000, 1), new GuestChange(GuestChangeKind.Data, 0, 512, 2), new GuestChange(GuestChangeKind.Data, tebibyte - 512, 512, 3)],
                },
            ],
        });

        foreach (long size in new[] { (255 * GiB) + 65536, tebibyte, 255 * GiB, tebibyte / 2, tebibyte })
        {
            using VirtualDisk disk = chain.Open();
            await disk.ResizeAsync(size, mayShrink: true);
            chain.Top.View = chain.View.CloneAs(size);
            await chain.ShouldBeReadFromAsync(disk, $"{size}");
            await disk.CloseAsync();
            await chain.ShouldHoldAsync($"{size}", files: true);
        }
    }

    [Fact]
    public async Task Resize_OfAnOverlay_OverALongTopAndAShortBase_KeepsWhatLiesAt255GiB()
    {
        TestChain chain = await _bench.MakeAsync(new ChainPlan
        {
            Levels =
            [
                new LevelPlan { Name = "base.qed", Format = "qed", SizeBytes = 1024 * GiB, Changes = [new GuestChange(GuestChangeKind.Data, 255 * GiB, 200_000, 1), new GuestChange(GuestChangeKind.Data, 300 * GiB, 4096, 2)] },
                new LevelPlan { Name = "over.qed", Format = "qed", SizeBytes = 1024 * GiB, Changes = [new GuestChange(GuestChangeKind.Data, (255 * GiB) + 4096, 4096, 3)] },
            ],
        });

        // Cut below the base's data, it may not come back when the disk grows again.
        foreach (long size in new[] { 299 * GiB, 301 * GiB, (255 * GiB) + 8192, 256 * GiB })
        {
            using VirtualDisk disk = chain.Open();
            await disk.ResizeAsync(size, mayShrink: true);
            chain.Top.View = chain.View.CloneAs(size);
            await disk.CloseAsync();
            await chain.ShouldHoldAsync($"{size}", files: true);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Discard_OfHalfBlocks_GivesTheWholeOnesBack_OnceBothHalvesAreGone(bool secondHalvesFirst)
    {
        const int Cluster = 128 * 1024;
        const int Blocks = 16;
        TestChain chain = await _bench.MakeAsync(new ChainPlan
        {
            Levels =
            [
                new LevelPlan { Name = "disk.qed", Format = "qed", SizeBytes = Blocks * Cluster, ClusterBytes = Cluster, Changes = [new GuestChange(GuestChangeKind.Data, 0, Blocks * Cluster, 1)] },
            ],
        });
        using VirtualDisk disk = chain.Open();
        long full = disk.Levels[0].AllocatedBytes;
        long length = disk.Levels[0].FileLengthBytes;
        Assert.True(full >= Blocks * Cluster, $"{full}");

        foreach (int half in new[] { secondHalvesFirst ? 1 : 0, secondHalvesFirst ? 0 : 1 })
        {
            for (int block = 0; block < Blocks; block += 2)
            {
                long offset = (block * Cluster) + (half * Cluster / 2);
                disk.Discard(offset, Cluster / 2);
                chain.View.Zero(offset, Cluster / 2);
            }

            await chain.ShouldBeReadFromAsync(disk, $"half {half}");
        }

        disk.Flush();
        Assert.True(disk.Levels[0].AllocatedBytes <= full - (Blocks / 2 * Cluster), $"{disk.Levels[0].AllocatedBytes} of {full} are still in use");
        await disk.CompactAsync();
        Assert.True(disk.Levels[0].FileLengthBytes <= length - (Blocks / 2 * Cluster), $"{disk.Levels[0].FileLengthBytes}");
        await chain.ShouldBeReadFromAsync(disk, "compacted");
        await disk.CloseAsync();
        await chain.ShouldHoldAsync("closed", files: true);
    }

    [Fact]
    public async Task Compaction_BetweenSnapshots_GivesRoomBack_AndKeepsEveryLevel()
    {
        const int Cluster = 65536;
        const int Half = 2 * MiB;
        TestChain chain = await _bench.MakeAsync(new ChainPlan
        {
            Levels = [new LevelPlan { Name = "base.qed", Format = "qed", SizeBytes = 2 * Half, ClusterBytes = Cluster, TableClusters = 2, Changes = [] }],
        });
        for (int snapshot = 0; snapshot < 6; snapshot++)
        {
            string what = $"seed {_seed}, snapshot {snapshot}";
            var options = new DiskCompactOptions { DropZeroBlocks = true, DropBlocksEqualToParent = snapshot % 2 == 1 };
            using VirtualDisk disk = chain.Open();
            await chain.WriteAsync(disk, _random, 20);
            await Guest.ApplyAsync(disk, chain.View, [new GuestChange(GuestChangeKind.Data, Half, Half, _random.NextInt64())]);
            await disk.CompactAsync(options);
            await disk.FlushAsync();
            DiskLevel before = disk.Levels[0];

            // All of it is data of the top, and whole clusters. A table that moves leaves its holes out, or fills them.
            await Guest.ApplyAsync(disk, chain.View, [new GuestChange(GuestChangeKind.Discard, Half, Half, 0)]);
            await disk.CompactAsync(options);
            await disk.FlushAsync();
            Assert.Equal(Half, before.FileLengthBytes - disk.Levels[0].FileLengthBytes);
            Assert.InRange(before.AllocatedBytes - disk.Levels[0].AllocatedBytes, Half - (3 * Cluster), before.AllocatedBytes);
            await chain.ShouldBeReadFromAsync(disk, $"{what}, compacted");

            string path = _bench[$"snapshot{snapshot}.qed"];
            await disk.SnapshotAsync(path);
            chain.PutOnTop(path);
            await chain.WriteAsync(disk, _random, 5);
            await disk.CompactAsync();
            await disk.CloseAsync();
            await chain.ShouldHoldAsync(what, files: true);
        }
    }

    /// <summary>Random pieces of a disk, which may overlap, until half of its bytes are covered.</summary>
    private List<GuestChange> HalfOf(int sizeBytes)
    {
        List<GuestChange> changes = [];
        bool[] isCovered = new bool[sizeBytes];
        for (int covered = 0; covered < sizeBytes / 2; covered = isCovered.AsSpan().Count(true))
        {
            int length = _random.Next(1, 64) * 1024;
            int offset = _random.Next(sizeBytes - length + 1);
            changes.Add(new GuestChange(GuestChangeKind.Data, offset, length, _random.NextInt64()));
            isCovered.AsSpan(offset, length).Fill(true);
        }

        return changes;
    }

    private static long BytesWritten(LevelPlan level)
    {
        long written = 0;
        long end = 0;
        foreach (GuestChange change in level.Changes.OrderBy(change => change.Offset))
        {
            written += Math.Max(0, change.EndBytes - Math.Max(end, change.Offset));
            end = Math.Max(end, change.EndBytes);
        }

        return written;
    }

    /// <summary>Many reads at a time, asynchronously, and the same from threads; not one of them is in order.</summary>
    private async Task ReadInBothFormsAsync(VirtualDisk disk, GuestBytes view)
    {
        byte[] expected = view.ToArray();
        (int Offset, int LengthBytes)[] pieces = [.. Enumerable.Range(0, 300).Select(_ => _random.Next(1, 100_000)).Select(length => (_random.Next(expected.Length - length + 1), length))];
        await Task.WhenAll(pieces.Select(async piece =>
        {
            byte[] read = new byte[piece.LengthBytes];
            await disk.ReadAsync(piece.Offset, read);
            Assert.True(expected.AsSpan(piece.Offset, piece.LengthBytes).SequenceEqual(read), $"seed {_seed}: {piece} of {disk.Path}, asynchronously");
        }));
        await Task.WhenAll(pieces.Chunk(75).Select(chunk => Task.Run(() =>
        {
            foreach ((int offset, int length) in chunk)
            {
                byte[] read = new byte[length];
                disk.Read(offset, read);
                Assert.True(expected.AsSpan(offset, length).SequenceEqual(read), $"seed {_seed}: {length} bytes at {offset} of {disk.Path}, synchronously");
            }
        })));
    }
}
