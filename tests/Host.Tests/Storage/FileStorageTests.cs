using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>What only files have: room, copies inside the kernel, the facts of a file system.</summary>
public sealed class FileStorageTests : IDisposable
{
    private readonly TempFolder _folder = new(AppContext.BaseDirectory);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CopyRange_BetweenFiles_CopiesInPlace_AndNotWhatItCannot()
    {
        byte[] data = new byte[300_000];
        new Random(3).NextBytes(data);
        using var source = FileStorage.Open(_folder.Create("source"));
        using var target = FileStorage.Open(_folder.Create("target", 1000));
        using var without = FileStorage.Open(_folder.Create("without"), new FileStorageOptions { DisabledFacts = StorageFacts.CanCopyRange });
        using var memory = new MemoryStorage();
        source.Write(0, data);

        long copied = source.CopyRange(100, target, 5000, 250_000);

        // The kernel may refuse between two files, but what it says it has copied is there.
        byte[] back = new byte[copied];
        Assert.Equal(copied, target.Read(5000, back));
        Assert.Equal(data.AsSpan(100, (int)copied).ToArray(), back);
        Assert.Equal(0, source.CopyRange(400_000, target, 0, 1000));
        Assert.Equal(0, source.CopyRange(0, without, 0, 1000));
        Assert.Equal(0, source.CopyRange(0, memory, 0, 1000));
    }

    [Fact]
    public void CopyRange_IntoAReadOnlyFile_IsRefused()
    {
        using var source = FileStorage.Open(_folder.Create("source", 1000));
        using var target = FileStorage.Open(_folder.Create("target", 1000), new FileStorageOptions { ReadOnly = true });

        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => source.CopyRange(0, target, 0, 10)).Kind);
    }

    [Fact]
    public void Allocate_TakesRoom_AndPunchHole_GivesItBack()
    {
        using var storage = FileStorage.Open(_folder.Create("file"));
        storage.Allocate(0, 1 << 20);
        Assert.True(storage.GetAllocatedBytes() >= 1 << 20);
        storage.Write(0, new byte[1 << 20]);
        storage.Barrier();
        if (storage.Facts.HasFlag(StorageFacts.CanPunchHoles))
        {
            storage.PunchHole(0, 1 << 20);

            Assert.True(storage.GetAllocatedBytes() < 64 << 10, $"{storage.GetAllocatedBytes()} bytes are still taken.");
            Assert.Equal(new StorageExtent(1 << 20, IsHole: true), storage.GetExtent(0));
        }
    }

    [Fact]
    public async Task FileSystemThatFailsToTellHoles_HasDataToTheEnd_AndIsAskedOnce()
    {
        string path = _folder.Create("file", 100_000);
        string log = _folder["log"];
        string[] trace = [Peers.Require("strace"), "-f", "-o", log, "-e", "trace=lseek", "-P", path];
        Assert.SkipUnless((await StorageHelper.RunAsync("facts", _folder.Create("other")))[0].Contains(nameof(StorageFacts.CanMapHoles), StringComparison.Ordinal), "Holes are not mapped here.");
        string[] expected = await StorageHelper.RunAsync("extent", path, trace);
        int nth = Array.FindIndex(await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken), IsForHole) + 1;

        // SEEK_DATA works, SEEK_HOLE never.
        string[] lines = await StorageHelper.RunAsync("extent", path, [.. trace, "-e", $"inject=lseek:error=EIO:when={nth}+2"]);

        Assert.Equal(expected, lines);
        Assert.Single(await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken), IsForHole);

        static bool IsForHole(string line) => line.Contains("SEEK_HOLE", StringComparison.Ordinal);
    }

    [Fact]
    public void DisabledFacts_AreNotStated()
    {
        string path = _folder.Create("file");
        StorageFacts all;
        using (var storage = FileStorage.Open(path))
        {
            all = storage.Facts;
            Assert.True(all.HasFlag(StorageFacts.CanSetLength | StorageFacts.HasImageLocks));
        }

        foreach (StorageFacts fact in Enum.GetValues<StorageFacts>())
        {
            using var storage = FileStorage.Open(path, new FileStorageOptions { DisabledFacts = fact });
            Assert.Equal(all & ~fact, storage.Facts);
        }
    }

    [Fact]
    public void Tmpfs_StatesThatUnwrittenBytesReadZero()
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "There is no /dev/shm.");
        using var folder = new TempFolder("/dev/shm");
        using var storage = FileStorage.Open(folder.Create("file"));

        Assert.True(storage.Facts.HasFlag(StorageFacts.NeverWrittenReadsZero | StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles));
    }

    [Fact]
    public async Task Overlayfs_PromisesNothingAboutUnwrittenBytes()
    {
        // In a namespace of its own; where that is forbidden, the folder is on the disk and the rest of the test still holds.
        Directory.CreateDirectory(_folder["lower"]);
        Directory.CreateDirectory(_folder["top"]);
        _folder.Create("lower/file", 10);
        _folder.Create("top/file", 10);
        string mount = $"mkdir '{_folder["over"]}/u' '{_folder["over"]}/w' && mount -t overlay overlay -o 'lowerdir={_folder["lower"]},upperdir={_folder["over"]}/u,workdir={_folder["over"]}/w' '{_folder["top"]}'";
        Directory.CreateDirectory(_folder["over"]);

        string[] lines = await StorageHelper.RunAsync("facts", _folder["top/file"], Peers.Require("unshare"), "-rm", Peers.Require("sh"), "-c", $"mount -t tmpfs tmpfs '{_folder["over"]}' && {mount} && echo overlay; exec \"$0\"");

        bool isOverlay = lines[0] == "overlay";
        Assert.Equal(isOverlay, !lines[^2].Contains(nameof(StorageFacts.NeverWrittenReadsZero), StringComparison.Ordinal));
        Assert.Contains(nameof(StorageFacts.HasImageLocks), lines[^2], StringComparison.Ordinal);
        Assert.Equal("100000", lines[^1]);
        TestContext.Current.SendDiagnosticMessage(string.Join(' ', lines));
    }

    [Fact]
    public void Errors_NameFileOperationAndOffset()
    {
        using var storage = FileStorage.Open(_folder.Create("file"));

        ImageException error = Assert.Throws<ImageException>(() => storage.Write(long.MaxValue - 10, new byte[5]));

        Assert.Equal(_folder["file"], error.Path);
        Assert.Equal("write", error.Operation);
        Assert.Equal(long.MaxValue - 10, error.OffsetBytes);
        Assert.Contains("9223372036854775797", error.Message, StringComparison.Ordinal);
        Assert.Contains(_folder["file"], error.Message, StringComparison.Ordinal);
        Assert.IsType<IOException>(error.InnerException);
    }
}
