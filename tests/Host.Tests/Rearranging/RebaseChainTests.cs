using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Which files a disk has open, and locked, when it gets another parent; and which parents it refuses.</summary>
public sealed class RebaseChainTests : IDisposable
{
    private const int Block = 4096;
    private const int Size = 4 * Block;

    private readonly PullFolder _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Flatten_ClosesTheParents_AndTheDiskGoesOnWithoutThem()
    {
        Chain("base", "middle", "top");
        using VirtualDisk disk = _test.Open("top");
        byte[] expected = TestDisks.ReadAll(disk);
        Assert.False(_test.IsUnlocked("base"));

        await disk.FlattenAsync();

        Assert.Single(disk.Levels);
        Assert.True(_test.IsUnlocked("base") && _test.IsUnlocked("middle"));
        File.Delete(_test["base"]);
        File.Delete(_test["middle"]);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        disk.Write(Block + 5, [9]);
        expected[Block + 5] = 9;
        disk.Close();
        Assert.Equal(expected, _test.Read("top"));
    }

    [Fact]
    public async Task RebaseToTheGrandparent_KeepsItOpen_AndClosesWhatIsBetween()
    {
        Chain("base", "middle", "top");
        using VirtualDisk disk = _test.Open("top");
        byte[] expected = TestDisks.ReadAll(disk);

        await disk.RebaseAsync(_test["base"]);

        Assert.Equal([_test["top"], _test["base"]], disk.Levels.Select(level => level.Path));
        Assert.True(_test.IsUnlocked("middle") && !_test.IsUnlocked("base"));
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        await disk.FlattenAsync();
        Assert.True(_test.IsUnlocked("base"));
        disk.Close();
        Assert.Equal(expected, _test.Read("top"));
    }

    [Fact]
    public async Task RebaseToASibling_OverACommonBase_CopiesWhatDiffersOnly_AndHoldsTheNewParents()
    {
        Chain("base", "middle", "top");
        _test.Create("sibling", Size, "base");
        _test.Fill("sibling", 77, Block, Block);
        using VirtualDisk disk = _test.Open("top");
        byte[] expected = TestDisks.ReadAll(disk);

        OperationResult result = await disk.RebaseAsync(_test["sibling"]);

        // The block that the old middle held, and the one that the sibling holds, and no other of the common base.
        Assert.Equal(2 * Block, result.CopiedBytes);
        Assert.Equal([_test["top"], _test["sibling"], _test["base"]], disk.Levels.Select(level => level.Path));
        Assert.True(_test.IsUnlocked("middle") && !_test.IsUnlocked("base") && !_test.IsUnlocked("sibling"));
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        disk.Close();
        Assert.True(_test.IsUnlocked("base") && _test.IsUnlocked("sibling"));
        Assert.Equal(expected, _test.Read("top"));
    }

    [Fact]
    public async Task RebaseToTheSameParent_ChangesNothing()
    {
        Chain("base", "middle", "top");
        using VirtualDisk disk = _test.Open("top");

        Assert.Equal(0, (await disk.RebaseAsync(_test["middle"])).CopiedBytes);

        Assert.Equal(3, disk.Levels.Count);
        Assert.False(_test.IsUnlocked("middle"));
    }

    [Fact]
    public async Task RebaseFromNoParent_PutsTheContentOverTheNewOne()
    {
        Chain("base", "middle");
        _test.Create("alone", Size);
        _test.Fill("alone", 3, 0, Block);
        byte[] expected = _test.Read("alone");

        await _test.Host.RebaseAsync(_test["alone"], _test["middle"], options: PullFolder.Options);

        Assert.Equal(expected, _test.Read("alone"));
        Assert.Equal(("middle", null), await _test.ParentOfAsync("alone"));
    }

    [Fact]
    public async Task ChainThatLeadsBackToTheDisk_IsRefused()
    {
        Chain("base", "middle", "top");
        _test.Create("child", Size, "top");
        using VirtualDisk disk = _test.Open("top");
        byte[] expected = TestDisks.ReadAll(disk);

        Assert.Equal(ImageErrorKind.Corrupt, (await Refusal(disk, "child")).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(disk, "top")).Kind);

        // Refused is as if nobody had asked.
        Assert.Equal(3, disk.Levels.Count);
        Assert.True(_test.IsUnlocked("child"));
        disk.Write(0, [1]);
        expected[0] = 1;
        disk.Close();
        Assert.Equal(expected, _test.Read("top"));
        Assert.Equal(("middle", null), await _test.ParentOfAsync("top"));
    }

    [Fact]
    public async Task NewParents_AreOpenedUnderTheRulesOfTheDisk()
    {
        Chain("base", "middle", "top");
        Directory.CreateDirectory(_test["inner"]);
        _test.Create("inner/top", Size);
        using (VirtualDisk confined = _test.Open("inner/top"))
        {
            ImageException refusal = await Refusal(confined, "base");
            Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
        }

        using (VirtualDisk trusting = _test.Host.OpenDisk(_test["inner/top"], PullFolder.Options with { Trust = ReferenceTrust.Trusted, MaxDepth = 2 }))
        {
            Assert.Equal(ImageErrorKind.RefusedByPolicy, (await Refusal(trusting, "middle")).Kind);
            await trusting.RebaseAsync(_test["base"]);
            Assert.Equal(2, trusting.Levels.Count);
        }

        Assert.Equal(("../base", null), await _test.ParentOfAsync("inner/top"));
        Assert.Equal(ImageErrorKind.NotFound, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.RebaseAsync(_test["top"], _test["gone"], options: PullFolder.Options))).Kind);
    }

    [Fact]
    public async Task SharedLevels_CountForTheDepthThatIsAllowed()
    {
        Chain("base", "middle", "top");
        _test.Create("further", Size, "middle");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top"], PullFolder.Options with { MaxDepth = 3 });

        Assert.Equal(ImageErrorKind.RefusedByPolicy, (await Refusal(disk, "further")).Kind);
        Assert.True(_test.IsUnlocked("further"));
    }

    [Fact]
    public async Task AbsoluteName_IsRecordedWhenWanted_AndAWrongFormatIsRefused()
    {
        Chain("base", "middle", "top");

        ImageException wrong = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.RebaseAsync(_test["top"], _test["base"], new RebaseOptions { ParentFormat = "qed" }, PullFolder.Options));
        Assert.Equal(ImageErrorKind.InvalidArgument, wrong.Kind);
        Assert.Equal(("middle", null), await _test.ParentOfAsync("top"));

        await _test.Host.RebaseAsync(_test["top"], _test["base"], new RebaseOptions { ParentFormat = "testblocks", AbsoluteName = true }, PullFolder.Options);
        Assert.Equal((_test["base"], null), await _test.ParentOfAsync("top"));
    }

    [Fact]
    public async Task MissingOldParent_NamesTheWayThatChangesTheNameOnly()
    {
        Chain("base", "middle", "top");
        File.Delete(_test["middle"]);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.RebaseAsync(_test["top"], _test["base"], options: PullFolder.Options));

        Assert.Equal(ImageErrorKind.NotFound, refusal.Kind);
        Assert.Contains("rebase -u", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(DiskHost.SetParentNameAsync), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ParentGivenAsAnOpenDisk_CanBeFlattenedWhenItIsReadOnly_AndIsRefusedWhileItMayChange()
    {
        Chain("base", "middle");
        _test.Create("top", Size);
        using (VirtualDisk writable = _test.Open("middle"))
        {
            using VirtualDisk over = _test.Host.OpenDisk(_test["top"], PullFolder.Options with { ParentDisk = writable });
            Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await over.FlattenAsync())).Kind);
        }

        using VirtualDisk parent = _test.Open("middle", readOnly: true);
        byte[] expected = TestDisks.ReadAll(parent);
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top"], PullFolder.Options with { ParentDisk = parent });
        Assert.Equal(1, parent.Children.Count);
        await disk.FlattenAsync();
        Assert.Equal(0, parent.Children.Count);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public async Task ALevelOfTheDisk_AsAnotherFormat_IsAnotherParent_AndTheDiskReadsTheSame()
    {
        using var test = new Operations.TestHost();
        string basePath = test.Qed("base.qed", 64 * 4096);
        using (VirtualDisk disk = test.Host.OpenDisk(basePath))
        {
            disk.Write(8 * 4096, [1, 2, 3]);
            disk.Close();
        }

        test.Qed("mid.qed", 64 * 4096, "base.qed");
        using (VirtualDisk disk = test.Host.OpenDisk(test.Qed("top.qed", 64 * 4096, "mid.qed"), new DiskOpenOptions { AllowedParentFormats = ["qed", "raw"] }))
        {
            byte[] before = TestDisks.ReadAll(disk);
            await disk.RebaseAsync(basePath, new RebaseOptions { ParentFormat = "raw" }, cancellationToken: TestContext.Current.CancellationToken);

            Assert.Equal([(test["top.qed"], "qed"), (basePath, "raw")], disk.Levels.Select(level => (level.Path, level.FormatId)));
            Assert.Equal(before, TestDisks.ReadAll(disk));
            disk.Close();
        }

        using VirtualDisk again = test.Host.OpenDisk(test["top.qed"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal("raw", again.Levels[1].FormatId);
        Assert.Equal([1, 2, 3], TestDisks.ReadAll(again)[(8 * 4096)..((8 * 4096) + 3)]);
    }

    [Fact]
    public async Task ReadOnlyDisk_AndFormatWithoutParents_AreRefused()
    {
        Chain("base", "middle", "top");
        using VirtualDisk readOnly = _test.Open("top", readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, (await Refusal(readOnly, "base")).Kind);

        _test.Create("flat.raw", Size);
        using VirtualDisk raw = _test.Open("flat.raw");
        Assert.Equal(ImageErrorKind.NotSupported, (await Refusal(raw, "base")).Kind);
    }

    [Fact]
    public async Task RenamedParent_IsRefusedUntilTheDiskIsOpenedAgain()
    {
        Chain("base", "middle", "top");
        using VirtualDisk disk = _test.Open("top");
        await disk.SetParentNameAsync(_test["base"]);

        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(disk, "base")).Kind);
    }

    // Each level over the one before; the first is filled, each further one has one block of its own.
    private void Chain(params string[] names)
    {
        for (int i = 0; i < names.Length; i++)
        {
            _test.Create(names[i], Size, i == 0 ? null : names[i - 1]);
            _test.Fill(names[i], (byte)(i + 1), i == 0 ? 0 : (i + 1) * Block, i == 0 ? Size : Block);
        }
    }

    private async Task<ImageException> Refusal(VirtualDisk disk, string parent) =>
        await Assert.ThrowsAsync<ImageException>(async () => await disk.RebaseAsync(_test[parent]));
}
