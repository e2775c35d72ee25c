using System.Buffers.Binary;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Traps;

/// <summary>Traps that lie in the host, or that show only where host and backend meet.</summary>
public sealed class HostTraps : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Fact]
    [Trap("D06")]
    public void OverlayWithoutItsParent_IsNotABase()
    {
        _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, "base.raw", "raw");
        File.Move(_test["base.raw"], _test["elsewhere"]);
        byte[] before = File.ReadAllBytes(top);

        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(top)).Kind);
        Assert.Throws<ImageException>(() => _test.Host.OpenDisk(top, new DiskOpenOptions { AllowMissingParent = true }));
        using (VirtualDisk disk = _test.Host.OpenDisk(top, new DiskOpenOptions { AllowMissingParent = true, ReadOnly = true }))
        {
            Assert.Equal(0, ByteAt(disk, 5));
        }

        Assert.Equal(before, File.ReadAllBytes(top));
        File.Move(_test["elsewhere"], _test["base.raw"]);
        using VirtualDisk whole = _test.Host.OpenDisk(top);
        whole.Write(100, [1]);
        Assert.Equal((7, 1, 7), (ByteAt(whole, 99), ByteAt(whole, 100), ByteAt(whole, 101)));
    }

    /// <summary>Parents are opened read-only: one that was not closed cleanly is as readable as any, and keeps its mark.</summary>
    [Fact]
    [Trap("D08")]
    public void FlaggedParent_DoesNotKeepTheChainFromOpening()
    {
        string lower = _test.Qed("lower.qed", Size);
        using (VirtualDisk disk = _test.Host.OpenDisk(lower))
        {
            disk.Write(0, [9]);
        }

        SetFeatures(lower, 2);
        byte[] before = File.ReadAllBytes(lower);
        string top = _test.Qed("top.qed", Size, "lower.qed");
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            disk.Write(1, [8]);
            Assert.Equal((9, 8), (ByteAt(disk, 0), ByteAt(disk, 1)));
        }

        Assert.Equal(before, File.ReadAllBytes(lower));
    }

    /// <summary>What a guest wrote into a raw disk does not turn it into an image.</summary>
    [Fact]
    [Trap("D09")]
    public async Task ParentMarkedRaw_IsRaw_ThoughItLooksLikeAnImage()
    {
        string inner = _test.Qed("inner.qed", Size);
        File.Copy(inner, _test["base.raw"]);
        await _test.Host.CreateOverlayAsync(_test["base.raw"], _test["top.qed"], new CreateOverlayOptions { ParentFormat = "raw" });

        Assert.Equal(5UL, BinaryPrimitives.ReadUInt64LittleEndian(File.ReadAllBytes(_test["top.qed"]).AsSpan(16)));
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        Assert.Equal("raw", disk.Levels[1].FormatId);
        Assert.Equal((byte)'Q', ByteAt(disk, 0));
    }

    [Theory]
    [InlineData(ImageOpenFlags.HonorZeroes)]
    [InlineData(ImageOpenFlags.HonorZeroes | ImageOpenFlags.HonorSame | ImageOpenFlags.Sequential | ImageOpenFlags.Discard)]
    [InlineData(ImageOpenFlags.None)]
    [Trap("D41")]
    public async Task DiskOpenedWithAnyFlags_CanBecomeAParent(ImageOpenFlags flags)
    {
        string path = _test.Qed("disk.qed", Size);
        using (VirtualDisk disk = _test.Host.OpenDisk(path, new DiskOpenOptions { Flags = flags }))
        {
            disk.Write(0, [1, 1]);
            await disk.SnapshotAsync(_test["over.qed"]);
            disk.Write(1, [2]);
            Assert.Equal([false, true], disk.Levels.Select(level => level.IsReadOnly));
        }

        using VirtualDisk again = _test.Host.OpenDisk(_test["over.qed"], new DiskOpenOptions { Flags = flags });
        Assert.Equal((1, 2), (ByteAt(again, 0), ByteAt(again, 1)));
    }

    /// <summary>A file that cannot be read is no answer about its format; and a format that was asked for is not replaced by another.</summary>
    [Fact]
    [Trap("D44")]
    public void ErrorWhileProbing_IsAnError_AndAnotherFormatThanAskedFor_IsRefused()
    {
        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(_test["no.qed"])).Kind);
        SimulatedFile file = new(content: File.ReadAllBytes(_test.Qed("a.qed", Size)));
        file.Fail(StorageOperationKind.Read, isSticky: true);
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => new Backends.Qed.QedBackend().Open(file.Open(), new ImageOpenOptions())).Kind);

        string raw = _test.Raw("disk.raw", Size, 3);
        Assert.Equal(ImageErrorKind.NotThisFormat, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(raw, new DiskOpenOptions { Format = "qed" })).Kind);
        using VirtualDisk asRaw = _test.Host.OpenDisk(_test["a.qed"], new DiskOpenOptions { Format = "raw", ReadOnly = true });
        Assert.Equal("raw", asRaw.Levels[0].FormatId);
    }

    /// <summary>Whatever goes wrong while an image is made: what was there before is there afterwards, and what was not is not.</summary>
    [Theory]
    [InlineData("exists", ImageErrorKind.AlreadyExists)]
    [InlineData("in use", ImageErrorKind.InUse)]
    [InlineData("folder", null)]
    [InlineData("option", ImageErrorKind.InvalidArgument)]
    [InlineData("size", ImageErrorKind.InvalidArgument)]
    [Trap("D45")]
    public async Task CreationThatFails_DeletesNothingThatItDidNotMake(string why, ImageErrorKind? kind)
    {
        string path = _test["target"];
        byte[] precious = [1, 2, 3];
        IDisposable? user = null;
        CreateDiskOptions options = new() { VirtualSizeBytes = Size };
        switch (why)
        {
            case "exists": await File.WriteAllBytesAsync(path, precious, TestContext.Current.CancellationToken); break;
            case "in use":
                _test.Qed("target", Size);
                precious = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
                user = _test.Host.OpenDisk(path);
                options = options with { Overwrite = true };
                break;
            case "folder":
                Directory.CreateDirectory(path);
                options = options with { Overwrite = true };
                break;
            case "option": options = options with { FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "5000" } }; break;
            case "size": options = options with { VirtualSizeBytes = long.MaxValue }; break;
            default: throw new ArgumentOutOfRangeException(nameof(why));
        }

        string[] before = _test.Files;
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CreateImageAsync(path, "qed", options));

        Assert.True(kind is null || kind == failure.Kind, failure.Message);
        Assert.Equal(before, _test.Files);
        user?.Dispose();
        if (why is "exists" or "in use")
        {
            Assert.Equal(precious, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        }

        Assert.Equal(why == "folder", Directory.Exists(path));
    }

    /// <summary>The usual case needs no full paths: a chain that lies in one folder can be moved with it.</summary>
    [Fact]
    [Trap("D50")]
    public async Task ChainInOneFolder_CanBeMovedWithIt()
    {
        Directory.CreateDirectory(_test["before/sub"]);
        _test.Raw("before/base.raw", Size, 7);
        await _test.Host.CreateOverlayAsync(_test["before/base.raw"], _test["before/sub/middle.qed"], new CreateOverlayOptions { ParentFormat = "raw" });
        await _test.Host.CreateOverlayAsync(_test["before/sub/middle.qed"], _test["before/top.qed"]);
        Assert.Equal("../base.raw", (await _test.Host.DescribeImageAsync(_test["before/sub/middle.qed"])).ParentName);
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["before/top.qed"]))
        {
            await disk.SnapshotAsync(_test["before/newest.qed"]);
        }

        Directory.Move(_test["before"], _test["after"]);
        using VirtualDisk moved = _test.Host.OpenDisk(_test["after/newest.qed"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal((7, 4), (ByteAt(moved, Size - 1), moved.Levels.Count));
    }

    /// <summary>What the disk above says follows the image at once.</summary>
    [Theory]
    [InlineData(2 * Size)]
    [InlineData(Size / 2)]
    [Trap("D22")]
    public async Task ResizedDisk_IsItsNewSizeEverywhere_AtOnce(long size)
    {
        string path = _test.Qed("disk.qed", Size);
        using (VirtualDisk disk = _test.Host.OpenDisk(path))
        {
            await using Stream stream = disk.AsStream();
            disk.Write(Size / 4, [5]);
            await disk.ResizeAsync(size, mayShrink: true);
            Assert.Equal((size, size), (disk.LengthBytes, stream.Length));
            Assert.Equal(0, ByteAt(disk, size - 1));
            Assert.ThrowsAny<Exception>(() => ByteAt(disk, size));
            Assert.Equal(5, ByteAt(disk, Size / 4));
        }

        await _test.Host.ConvertAsync(path, _test["copy.raw"], new ConvertOptions { TargetFormat = "raw" });
        Assert.Equal(size, new FileInfo(_test["copy.raw"]).Length);
    }

    [Fact]
    [Trap("D40")]
    public async Task RenamedDisk_HasItsNewNameEverywhere_AndAFailedRenameChangesNothing()
    {
        string path = _test.Qed("disk.qed", Size);
        _test.Raw("taken", 3, 1);
        using (VirtualDisk disk = _test.Host.OpenDisk(path))
        {
            disk.Write(0, [1]);
            foreach (string bad in new[] { _test["taken"], _test["no/folder/x"] })
            {
                await Assert.ThrowsAsync<ImageException>(async () => await disk.RenameAsync(bad));
                Assert.Equal((path, path, true), (disk.Path, disk.Levels[0].Path, File.Exists(path)));
            }

            disk.Write(1, [2]);
            await disk.RenameAsync(_test["other.qed"]);
            Assert.Equal((_test["other.qed"], _test["other.qed"], false), (disk.Path, disk.Levels[0].Path, File.Exists(path)));
            disk.Write(2, [3]);
            Assert.Equal((1, 2, 3), (ByteAt(disk, 0), ByteAt(disk, 1), ByteAt(disk, 2)));
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(_test["other.qed"])).Kind);
        }

        Assert.Equal(["other.qed", "taken"], _test.Files);
        Assert.True((await _test.Host.CheckAsync(_test["other.qed"])).IsClean);
    }

    /// <summary>From writable to read-only and back with requests before, between and after; refused while somebody else reads, and usable all the same.</summary>
    [Fact]
    [Trap("D42")]
    public async Task AccessOfADisk_ChangesInPlace_AndAFailureLeavesItUsable()
    {
        string path = _test.Qed("disk.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(path);
        disk.Write(0, [1]);
        await disk.SetReadOnlyAsync(true);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => disk.Write(0, [2])).Kind);
        using (VirtualDisk reader = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true }))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SetReadOnlyAsync(false))).Kind);
            Assert.Equal((1, 1), (ByteAt(disk, 0), ByteAt(reader, 0)));
        }

        await disk.SetReadOnlyAsync(false);
        disk.Write(0, [3]);
        Assert.Equal(3, ByteAt(disk, 0));
    }

    /// <summary>A base that is merged away: the name is cleared or changed, and the survivor opens on its own or over the next one.</summary>
    [Fact]
    [Trap("D48")]
    public async Task ParentThatGoesAway_LeavesNoNameBehind()
    {
        _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, "middle.qed");
        _test.Qed("middle.qed", Size, "base.raw", "raw");
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            await disk.SetParentNameAsync(_test["base.raw"], new SetParentOptions { Format = "raw" });
        }

        File.Delete(_test["middle.qed"]);
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            Assert.Equal((7, 2), (ByteAt(disk, 0), disk.Levels.Count));
            disk.Write(0, [1]);
            await disk.SetParentNameAsync(null);
        }

        File.Delete(_test["base.raw"]);
        using VirtualDisk alone = _test.Host.OpenDisk(top);
        Assert.Equal((1, 0, 1), (ByteAt(alone, 0), ByteAt(alone, Size - 1), alone.Levels.Count));
    }

    public void Dispose() => _test.Dispose();

    private static byte ByteAt(VirtualDisk disk, long offset)
    {
        byte[] one = new byte[1];
        disk.Read(offset, one);
        return one[0];
    }

    private static void SetFeatures(string path, byte features)
    {
        using FileStream file = File.OpenWrite(path);
        file.Position = 16;
        file.WriteByte(features);
    }
}
