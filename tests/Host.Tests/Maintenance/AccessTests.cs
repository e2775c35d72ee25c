using System.Runtime.Versioning;
using QedVd.Backends.Qed;
using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

[UnsupportedOSPlatform("windows")]
public sealed class AccessTests : IDisposable
{
    private const int Block = MaintenanceHost.Block;

    private readonly MaintenanceHost _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("qed")]
    [InlineData("testblocks")]
    public async Task ReadOnlyToWritableAndBack_TheFileAndItsLocksFollow(string format)
    {
        _test.Create("base", format, value: 7);
        string path = _test.Create("top", format, "base", format);
        using VirtualDisk disk = _test.Open("top", readOnly: true);
        byte[] one = new byte[1];
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => disk.Write(0, one)).Kind);
            Assert.True(MayBeRead(path));

            await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
            Assert.False(disk.IsReadOnly);
            Assert.False(MayBeRead(path));
            disk.Write((i * Block) + 1, [(byte)(i + 1)]);
            await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);

            await disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken);
            Assert.True(disk.IsReadOnly);
            disk.Read((i * Block) + 1, one);
            Assert.Equal(i + 1, one[0]);
        }

        // What was acknowledged is in the file though the disk is still open.
        Assert.Equal(3, _test.At("top", (2 * Block) + 1));
        Assert.Equal(7, _test.At("top", 2 * Block));
    }

    [Fact]
    public async Task ToWritable_WhereLevelsWereRemembered_SeesWhatTheTopGets()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block, 8 * Block, 8 * Block, 8 * Block, 8 * Block).Fill(4, 7);
        var switched = new Switched(chain.OpenImage(0, readOnly: false));
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, [switched, .. Enumerable.Range(1, 4).Select(level => chain.OpenImage(level, readOnly: true))]);
        TestDisks.ReadAll(disk);

        await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
        disk.Write(Block + 1, [1]);

        byte[] three = new byte[3];
        disk.Read(Block, three);
        Assert.Equal([7, 1, 7], three);
    }

    [Fact]
    public async Task ToWritable_WhileAnotherReads_IsRefused_AndTheDiskGoesOn()
    {
        string path = _test.Create("image", value: 5);
        using VirtualDisk disk = _test.Open("image", readOnly: true);
        using (FileStorage.Open(path, new FileStorageOptions { ReadOnly = true }))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SetReadOnlyAsync(false))).Kind);
        }

        Assert.True(disk.IsReadOnly);
        Assert.True(MayBeRead(path));
        Assert.DoesNotContain(TestDisks.ReadAll(disk), value => value != 5);
        await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
        disk.Write(0, [1]);
    }

    [Fact]
    public async Task ToWritable_WhenTheImageRefuses_GivesTheLocksBack()
    {
        string path = _test.Create("image", "qed", value: 5);

        // Marked as not cleanly closed, and damaged: readable, not writable.
        byte[] bytes = File.ReadAllBytes(path);
        bytes[16] |= 2;
        long l1 = BitConverter.ToInt64(bytes, 40);
        BitConverter.GetBytes(l1).CopyTo(bytes, (int)BitConverter.ToInt64(bytes, (int)l1) + 8);
        File.WriteAllBytes(path, bytes);
        using VirtualDisk disk = _test.Open("image", readOnly: true);

        Assert.Equal(ImageErrorKind.Corrupt, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SetReadOnlyAsync(false))).Kind);

        Assert.True(disk.IsReadOnly);
        Assert.True(MayBeRead(path));
        byte[] one = new byte[1];
        disk.Read(0, one);
        Assert.Equal(5, one[0]);
        disk.Close();
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task ToWritable_WhereItWasOpenedInAWayThatForbidsIt_IsRefused()
    {
        File.WriteAllBytes(_test["raw"], new byte[Block]);
        using (VirtualDisk guessed = _test.Host.OpenDisk(_test["raw"], new DiskOpenOptions { ReadOnly = true }))
        {
            await Assert.ThrowsAsync<ImageException>(async () => await guessed.SetReadOnlyAsync(false));
            Assert.True(guessed.IsReadOnly);
        }

        using (VirtualDisk given = _test.Host.OpenDisk(_test["raw"], new DiskOpenOptions { ReadOnly = true, Format = "raw" }))
        {
            await given.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
            given.Write(0, [1]);
        }

        _test.Create("image");
        using VirtualDisk shared = _test.Host.OpenDisk(_test["image"], new DiskOpenOptions { ReadOnly = true, ForceShare = true });
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await shared.SetReadOnlyAsync(false))).Kind);
        _test.Create("orphan", parent: "gone", parentFormat: "testblocks");
        using VirtualDisk orphan = _test.Host.OpenDisk(_test["orphan"], new DiskOpenOptions { ReadOnly = true, AllowMissingParent = true });
        Assert.Equal(ImageErrorKind.NotFound, (await Assert.ThrowsAsync<ImageException>(async () => await orphan.SetReadOnlyAsync(false))).Kind);
    }

    [Fact]
    public async Task ToWritable_OfAFileThatHoldsAnotherFormatByNow_IsRefused()
    {
        string path = _test.Create("image", value: 5);
        byte[] other = await File.ReadAllBytesAsync(_test.Create("other", format: "qed"), TestContext.Current.CancellationToken);
        using VirtualDisk disk = _test.Open("image", readOnly: true);

        // By somebody who takes no lock. The file stays the same one.
        await using (FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(0);
            await file.WriteAsync(other, TestContext.Current.CancellationToken);
        }

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken));

        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains("is an image of the format 'qed' now, and was 'testblocks'", refused.Message, StringComparison.Ordinal);
        Assert.True(disk.IsReadOnly);
        Assert.Equal(other, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task ToWritable_OfADiskThatIsAParent_IsRefused_UntilTheChildHasClosed()
    {
        _test.Create("image", value: 5);
        using VirtualDisk parent = _test.Open("image", readOnly: true);
        _test.Create("child");
        using (_test.Host.OpenDisk(_test["child"], MaintenanceHost.Options with { ParentDisk = parent }))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await parent.SetReadOnlyAsync(false))).Kind);
        }

        await parent.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ToReadOnly_HoldsNewWrites_ThenRefusesThem()
    {
        SimulatedChain chain = new(8 * Block);
        using VirtualDisk disk = chain.Open();
        disk.Write(0, [1]);
        using StorageGate barrier = chain.Top.Hold(StorageOperationKind.Barrier);
        Task changing = disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken).AsTask();
        await barrier.Reached;
        Task writing = disk.WriteAsync(0, new byte[] { 2 }, cancellationToken: TestContext.Current.CancellationToken).AsTask();
        Assert.False(writing.IsCompleted);
        barrier.Release();

        await changing;
        Assert.Equal(ImageErrorKind.ReadOnly, (await Assert.ThrowsAsync<ImageException>(() => writing)).Kind);
        Assert.Equal(1, TestDisks.ReadAll(disk)[0]);
    }

    [Theory]
    [InlineData(StorageOperationKind.Barrier)]
    [InlineData(StorageOperationKind.Write)]
    public async Task ToReadOnly_WhenSavingFails_TheDiskStaysWritable_OrIsFenced(StorageOperationKind kind)
    {
        SimulatedChain chain = new(8 * Block);
        using VirtualDisk disk = chain.Open();
        disk.Write(0, [1]);
        chain.Top.Fail(new StorageFault { Kind = kind });

        await Assert.ThrowsAsync<ImageException>(async () => await disk.SetReadOnlyAsync(true));

        Assert.False(disk.IsReadOnly);
        if (kind == StorageOperationKind.Write)
        {
            disk.Write(1, [2]);
            await disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken);
        }
        else
        {
            Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => disk.Write(1, [2])).Kind);
        }

        Assert.Equal(1, TestDisks.ReadAll(disk)[0]);
    }

    private static bool MayBeRead(string path)
    {
        try
        {
            using FileStorage storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
        {
            return false;
        }
    }

    /// <summary>Read-only at first though its storage is not.</summary>
    private sealed class Switched(IDiskImage inner) : DelegatingImage(inner)
    {
        private ImageOpenFlags _flags = ImageOpenFlags.ReadOnly;

        public override ImageOpenFlags OpenFlags => _flags;

        public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            _flags = flags;
            return default;
        }
    }
}
