using System.Runtime.Versioning;
using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

[UnsupportedOSPlatform("windows")]
public sealed class RenameTests : IDisposable
{
    private const int Block = MaintenanceHost.Block;

    private readonly MaintenanceHost _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Rename_WhileOpen_EverythingFollows_AndTheLocksStay()
    {
        _test.Create("old", value: 5);
        using VirtualDisk disk = _test.Open("old");

        await disk.RenameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(["new"], _test.Files);
        Assert.Equal(_test["new"], disk.Path);
        Assert.Equal(_test["new"], disk.Levels[0].Path);
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileStorage.Open(_test["new"]).Dispose()).Kind);
        disk.Write(0, [1]);
        await disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken);
        Assert.Contains(_test["new"], Assert.Throws<ImageException>(() => disk.Write(0, [1])).Message, StringComparison.Ordinal);
        await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
        await disk.RenameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);
        disk.Close();
        Assert.Equal(1, _test.At("new", 0));
        Assert.Equal(5, _test.At("new", 1));
    }

    [Theory]
    [InlineData("base", "sub/top", "../base")]
    [InlineData("./base", "top2", "./base")]
    [InlineData("sub/../base", "sub/top", "../base")]
    public async Task Rename_KeepsTheParentFindable(string stored, string newName, string expected)
    {
        _test.Create("base", value: 7);
        _test.Create("top", parent: stored, parentFormat: "testblocks");
        using (VirtualDisk disk = _test.Open("top"))
        {
            disk.Write(0, [1]);
            await disk.RenameAsync(_test[newName], cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(expected, disk.Levels[0].ParentName);
            disk.Write(Block + 1, [2]);
            disk.Close();
        }

        Assert.Equal((expected, null), await _test.ParentOf(newName));
        Assert.Equal(1, await ThroughTrusted(newName, 0));
        Assert.Equal(7, await ThroughTrusted(newName, Block));
    }

    [Fact]
    public async Task Rename_LeavesAbsoluteNames_AndTheRawMark()
    {
        _test.Create("absolute", parent: _test["base"], parentFormat: "raw");
        _test.Create("relative", parent: "base", parentFormat: "raw");
        _test.Create("server", parent: "nbd:host:1", parentFormat: "raw");

        await _test.Host.RenameAsync(_test["absolute"], _test["sub/absolute"]);
        await _test.Host.RenameAsync(_test["relative"], _test["sub/relative"]);
        await _test.Host.RenameAsync(_test["server"], _test["sub/server"]);

        Assert.Equal((_test["base"], "raw"), await _test.ParentOf("sub/absolute"));
        Assert.Equal(("../base", "raw"), await _test.ParentOf("sub/relative"));
        Assert.Equal(("nbd:host:1", "raw"), await _test.ParentOf("sub/server"));
    }

    [Fact]
    public async Task Rename_ToAnotherFolder_WhereTheNameCannotBeAdapted_IsRefused()
    {
        _test.Create("base", value: 7);
        _test.Create("top", parent: "base", parentFormat: "testblocks");
        using VirtualDisk readOnly = _test.Open("top", readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, (await Refusal(() => readOnly.RenameAsync(_test["sub/top"]))).Kind);
        await readOnly.RenameAsync(_test["top2"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(7, TestDisks.ReadAll(readOnly)[0]);
    }

    [Fact]
    public async Task Rename_ToAnotherFolder_OfAFormatThatCannotChangeTheParentsName_IsRefused_UnlessItNeedNot()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(new MemoryBackend());
        using var host = new DiskHost(options);
        foreach ((string name, string? parent) in ((string, string?)[])[("base", null), ("relative", "base"), ("absolute", _test["base"])])
        {
            var create = new CreateDiskOptions { VirtualSizeBytes = Block, ParentName = parent, ParentFormat = parent is null ? null : "testblocks", DoNotOpenParent = true };
            await host.CreateImageAsync(_test[name], "testblocks", create, cancellationToken: TestContext.Current.CancellationToken);
        }

        using (VirtualDisk disk = host.OpenDisk(_test["relative"], MaintenanceHost.Options))
        {
            ImageException refusal = await Refusal(() => disk.RenameAsync(_test["sub/relative"]));
            Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
            Assert.Contains("the format 'testblocks' cannot change it", refusal.Message, StringComparison.Ordinal);
            await disk.RenameAsync(_test["relative2"], cancellationToken: TestContext.Current.CancellationToken);
        }

        using VirtualDisk moved = host.OpenDisk(_test["absolute"], MaintenanceHost.Options);
        await moved.RenameAsync(_test["sub/absolute"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(["base", "relative2", "sub/absolute"], _test.Files);
    }

    [Fact]
    public async Task Rename_OverAFile_NeedsToBeAsked_AndNeverTakesALevelOrOneInUse()
    {
        _test.Create("base", value: 7);
        _test.Create("top", parent: "base", parentFormat: "testblocks");
        _test.Create("other", value: 3);
        using VirtualDisk disk = _test.Open("top");
        string[] before = _test.Files;

        Assert.Equal(ImageErrorKind.AlreadyExists, (await Refusal(() => disk.RenameAsync(_test["other"]))).Kind);
        Assert.Equal(ImageErrorKind.InUse, (await Refusal(() => disk.RenameAsync(_test["base"], overwrite: true))).Kind);
        using (_test.Open("other", readOnly: true))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Refusal(() => disk.RenameAsync(_test["other"], overwrite: true))).Kind);
        }

        Assert.Equal(ImageErrorKind.NotFound, (await Refusal(() => disk.RenameAsync(_test["nowhere/top"]))).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(() => disk.RenameAsync(_test["sub"] + "/"))).Kind);
        Assert.Equal(before, _test.Files);
        Assert.Equal(_test["top"], disk.Path);
        Assert.Equal("base", disk.Levels[0].ParentName);

        await disk.RenameAsync(_test["other"], overwrite: true, TestContext.Current.CancellationToken);
        Assert.Equal(["base", "other"], _test.Files);
        Assert.Equal(7, TestDisks.ReadAll(disk)[0]);
    }

    [Fact]
    public async Task Rename_OverALevelOfTheDisk_SaysThatItBelongsToTheChain()
    {
        _test.Create("base", value: 7);
        _test.Create("top", parent: "base", parentFormat: "testblocks");
        using VirtualDisk disk = _test.Open("top");

        ImageException refusal = await Refusal(() => disk.RenameAsync(_test["base"], overwrite: true));

        Assert.Equal((ImageErrorKind.InUse, _test["base"], "rename"), (refusal.Kind, refusal.Path, refusal.Operation));
        Assert.Equal($"{_test["base"]}: this file belongs to the chain of the disk, and cannot be overwritten. Choose another name.", refusal.Message);
    }

    [Fact]
    public async Task RenamedDisk_ThatIsNotClosedBeforeItsHost_IsNamedAsItIsCalledThen()
    {
        var log = new LogLines();
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(new MemoryBackend(canMaintain: true));
        using var host = new DiskHost(options, log);
        _test.Create("old");
        using VirtualDisk disk = host.OpenDisk(_test["old"], MaintenanceHost.Options);
        await disk.RenameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);

        host.Dispose();

        Assert.Contains($"{_test["new"]}: the disk was not closed before its host", log.Lines);
        Assert.DoesNotContain(log.Lines, line => line.Contains(_test["old"], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rename_OverALink_OrOfAFileWhoseNameIsALink_IsRefused()
    {
        _test.Create("real", value: 5);
        File.CreateSymbolicLink(_test["link"], _test["real"]);
        using (VirtualDisk disk = _test.Open("link"))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Refusal(() => disk.RenameAsync(_test["new"]))).Kind);
            Assert.Equal(5, TestDisks.ReadAll(disk)[0]);
        }

        using VirtualDisk real = _test.Open("real");
        Assert.Equal(ImageErrorKind.AlreadyExists, (await Refusal(() => real.RenameAsync(_test["link"]))).Kind);
        File.Delete(_test["real"]);
        File.WriteAllText(_test["real"], "somebody else's");
        Assert.Equal(ImageErrorKind.InUse, (await Refusal(() => real.RenameAsync(_test["new"]))).Kind);
        Assert.Equal("somebody else's", File.ReadAllText(_test["real"]));
    }

    [Fact]
    public async Task Rename_WhoseFolderCannotBeMadeDurable_LeavesAllAsItWas()
    {
        _test.Create("base", value: 7);
        string path = _test.Create("top", parent: "base", parentFormat: "testblocks");
        int failures = 0;
        var storage = FileStorage.Open(path, new FileStorageOptions { FolderSeam = () => ThrowIf(failures-- > 0) });
        var image = new MemoryBackend(canMaintain: true).Open(storage, new ImageOpenOptions());
        var levels = new List<Level> { new() { Image = image, Path = path, FormatId = "testblocks", Storage = storage } };
        using var disk = new VirtualDisk(new Generation(levels), new DiskOpenOptions(), _test.Host, number: -1, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        failures = 1;
        Assert.Equal(ImageErrorKind.Io, (await Refusal(() => disk.RenameAsync(_test["sub/top"]))).Kind);
        Assert.Equal(path, disk.Path);
        Assert.Equal("base", disk.Levels[0].ParentName);
        Assert.Equal(["base", "top"], _test.Files);

        await disk.RenameAsync(_test["sub/top"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("../base", disk.Levels[0].ParentName);
        Assert.Equal(["base", "sub/top"], _test.Files);
    }

    [Fact]
    public async Task Rename_StoppedAtAnyWrite_LeavesAnImageThatFindsItsParent()
    {
        for (int nth = 1; ; nth++)
        {
            string folder = $"run{nth}";
            _test.Create($"{folder}/base", value: 7);
            string path = _test.Create($"{folder}/top", parent: "base", parentFormat: "testblocks");
            Directory.CreateDirectory(_test[$"{folder}/sub"]);
            var file = FileStorage.Open(path);
            var storage = new FailingWrites(file) { Nth = nth };
            var image = new MemoryBackend(canMaintain: true).Open(storage, new ImageOpenOptions());
            bool failed = false;
            string now;
            await using (image)
            {
                var level = new Level { Image = image, Path = path, FormatId = "testblocks", Storage = file };
                try
                {
                    await new LevelRename(level, file, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance)
                        .RunAsync(_test[$"{folder}/sub/top"], overwrite: false, TestContext.Current.CancellationToken);
                }
                catch (ImageException)
                {
                    failed = true;
                }

                now = file.Name;
                storage.Nth = 0;
            }

            string name = Path.GetRelativePath(Path.GetDirectoryName(_test["x"])!, now);
            Assert.Equal(failed ? $"{folder}/top" : $"{folder}/sub/top", name);
            Assert.True(File.Exists(now));
            Assert.Equal(7, await ThroughTrusted(name, Block));
            if (!storage.HasFailed)
            {
                Assert.True(nth > 2);
                return;
            }
        }
    }

    [Fact]
    public async Task Rename_OfADiskThatIsNoFile_IsRefused()
    {
        using VirtualDisk disk = new SimulatedChain(Block).Open();
        Assert.Equal(ImageErrorKind.NotSupported, (await Refusal(() => disk.RenameAsync(_test["x"]))).Kind);
    }

    [Fact]
    public async Task DiskOverAnOpenDisk_KnowsItsNewName()
    {
        _test.Create("parent");
        _test.Create("child", parent: "parent", parentFormat: "testblocks");
        using VirtualDisk parent = _test.Open("parent");
        using VirtualDisk child = _test.Host.OpenDisk(_test["child"], MaintenanceHost.Options with { ParentDisk = parent });

        await parent.RenameAsync(_test["moved"]);

        Assert.Equal(_test["moved"], child.Levels[1].Path);
    }

    private static void ThrowIf(bool condition)
    {
        if (condition)
        {
            throw new ImageException(ImageErrorKind.Io, "folder: injected");
        }
    }

    private async Task<byte> ThroughTrusted(string name, long offset)
    {
        using VirtualDisk disk = await _test.Host.OpenDiskAsync(_test[name], MaintenanceHost.Options with { ReadOnly = true, Trust = ReferenceTrust.Trusted });
        byte[] one = new byte[1];
        disk.Read(offset, one);
        return one[0];
    }

    private static async Task<ImageException> Refusal(Func<ValueTask> action) => await Assert.ThrowsAsync<ImageException>(async () => await action());

    /// <summary>Fails one write, and that only.</summary>
    private sealed class FailingWrites(IImageStorage inner) : ForwardingStorage(inner)
    {
        private int _writes;

        public int Nth { get; set; }

        public bool HasFailed { get; private set; }

        public override void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            BeforeWrite();
            base.Write(offset, buffer);
        }

        public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            BeforeWrite();
            return base.WriteAsync(offset, buffer, cancellationToken);
        }

        private void BeforeWrite()
        {
            if (++_writes == Nth)
            {
                HasFailed = true;
                throw new ImageException(ImageErrorKind.Io, "write: injected");
            }
        }
    }
}
