using QedVd.TestKit;

namespace QedVd.Host.Tests.Operations;

public sealed class SnapshotTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData("qed")]
    [InlineData("raw")]
    public async Task Snapshot_KeepsWhatWasThere_AndGoesOnInTheOverlay(string format)
    {
        string path = format == "qed" ? _test.Qed("disk", Size, clusterBytes: 8192) : _test.Raw("disk", Size, 0);
        await using (VirtualDisk disk = _test.Host.OpenDisk(path, new DiskOpenOptions { Format = format }))
        {
            disk.Write(0, [1, 1, 1]);
            await disk.SnapshotAsync(_test["one.qed"]);
            disk.Write(1, [2]);
            await disk.SnapshotAsync(_test["two.qed"]);
            disk.Write(2, [3]);

            Assert.Equal([_test["two.qed"], _test["one.qed"], path], disk.Levels.Select(level => level.Path));
            Assert.Equal(_test["two.qed"], disk.Path);
            Assert.Equal(format == "qed" ? 8192 : 65536, disk.Levels[1].BlockBytes);
            Assert.Equal([1, 2, 3], Read(disk));

            // The old top may be read by others now, and its overlay not.
            _test.Host.OpenDisk(_test["one.qed"], new DiskOpenOptions { ReadOnly = true }).Dispose();
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(_test["one.qed"])).Kind);
        }

        Assert.Equal([1, 2, 3], ReadFile("two.qed"));
        Assert.Equal([1, 2, 1], ReadFile("one.qed"));
        Assert.Equal([1, 1, 1], ReadFile("disk", format));
        foreach (string name in (string[])["one.qed", "two.qed"])
        {
            Assert.True((await _test.Host.CheckAsync(_test[name])).IsClean, name);
        }
    }

    [Fact]
    public async Task Snapshot_ThatFails_LeavesTheDiskGoingOn_AndNoFile()
    {
        string path = _test.Qed("disk.qed", Size);
        _test.Raw("taken", 5, 1);
        using VirtualDisk disk = _test.Host.OpenDisk(path);
        disk.Write(0, [1, 1, 1]);

        Assert.Equal(ImageErrorKind.AlreadyExists, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["taken"]))).Kind);
        Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(path, new SnapshotOptions { Overwrite = true }))).Kind);
        Assert.Equal(ImageErrorKind.NotFound, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["no/folder"]))).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () =>
            await disk.SnapshotAsync(_test["bad.qed"], new SnapshotOptions { FormatOptions = new Dictionary<string, string> { ["nonsense"] = "1" } }))).Kind);

        disk.Write(1, [2]);
        Assert.Equal([1, 2, 1], Read(disk));
        Assert.Single(disk.Levels);
        Assert.Equal(["disk.qed", "taken"], _test.Files);
    }

    [Fact]
    public async Task Snapshot_OfAReadOnlyOrClosedDisk_IsRefused()
    {
        string path = _test.Qed("disk.qed", Size);
        VirtualDisk disk = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true });

        Assert.Equal(ImageErrorKind.ReadOnly, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["o.qed"]))).Kind);
        disk.Close();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await disk.SnapshotAsync(_test["o.qed"]));
        Assert.Equal(["disk.qed"], _test.Files);
    }

    /// <summary>Writers that go on while snapshots are taken; each knows what it must read. Each old top is frozen: it never changes again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshot_UnderLoad_LosesNothing_AndFreezesTheOldTop(bool isAsync)
    {
        const int Writers = 4;
        const int Snapshots = 5;
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        string path = _test.Qed("0.qed", Size);
        byte[][] models = new byte[Writers][];
        List<byte[]> frozen = [];
        using (VirtualDisk disk = _test.Host.OpenDisk(path))
        {
            using var stop = new CancellationTokenSource();
            Task[] writers = [.. Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(disk, models[writer] = new byte[Size], writer, Writers, isAsync, new Random((int)seed + writer), stop.Token)))];
            for (int i = 1; i <= Snapshots; i++)
            {
                await Task.Delay(30, TestContext.Current.CancellationToken);
                await disk.SnapshotAsync(_test[$"{i}.qed"]);
                frozen.Add(Hash(_test[$"{i - 1}.qed"]));
            }

            await Task.Delay(30, TestContext.Current.CancellationToken);
            await stop.CancelAsync();
            await Task.WhenAll(writers);
            Assert.Equal(Snapshots + 1, disk.Levels.Count);
            byte[] all = new byte[Size];
            disk.Read(0, all);
            CheckAgainst(models, all);
        }

        using (VirtualDisk again = _test.Host.OpenDisk(_test[$"{Snapshots}.qed"]))
        {
            byte[] all = new byte[Size];
            again.Read(0, all);
            CheckAgainst(models, all);
        }

        for (int i = 0; i < Snapshots; i++)
        {
            Assert.Equal(frozen[i], Hash(_test[$"{i}.qed"]));
            Assert.True((await _test.Host.CheckAsync(_test[$"{i}.qed"])).IsClean, $"{i}.qed");
        }
    }

    public void Dispose() => _test.Dispose();

    private static async Task WriteAsync(VirtualDisk disk, byte[] model, int writer, int writers, bool isAsync, Random random, CancellationToken stop)
    {
        const int Stretch = 1024;
        while (!stop.IsCancellationRequested)
        {
            int offset = ((random.Next(Size / Stretch / writers) * writers) + writer) * Stretch;
            Memory<byte> mine = model.AsMemory(offset, random.Next(1, Stretch));
            random.NextBytes(mine.Span);
            byte[] read = new byte[mine.Length];
            if (isAsync)
            {
                await disk.WriteAsync(offset, mine, cancellationToken: CancellationToken.None);
                await disk.ReadAsync(offset, read, CancellationToken.None);
            }
            else
            {
                disk.Write(offset, mine.Span);
                disk.Read(offset, read);
            }

            Assert.True(mine.Span.SequenceEqual(read), $"writer {writer} at {offset}");
        }
    }

    private static void CheckAgainst(byte[][] models, byte[] all)
    {
        byte[] expected = new byte[Size];
        for (int i = 0; i < Size; i++)
        {
            expected[i] = models[i / 1024 % models.Length][i];
        }

        Assert.Equal(expected, all);
    }

    private static byte[] Hash(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return System.Security.Cryptography.SHA256.HashData(file);
    }

    private static byte[] Read(VirtualDisk disk)
    {
        byte[] bytes = new byte[3];
        disk.Read(0, bytes);
        return bytes;
    }

    private byte[] ReadFile(string name, string format = "qed")
    {
        using VirtualDisk disk = _test.Host.OpenDisk(_test[name], new DiskOpenOptions { ReadOnly = true, Format = format });
        return Read(disk);
    }
}
