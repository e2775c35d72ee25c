using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Chains;

/// <summary>What is said, word for word, of a chain that is not opened, and of requests that a disk does not take: users act on it.</summary>
public sealed class RefusedChainTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Fact]
    public void OptionsThatContradict()
    {
        string top = _test.Qed("top.qed", Size);

        AssertRefused(ImageErrorKind.InvalidArgument, "open", "ForceShare needs ReadOnly: writing to such a disk would destroy data.", Refusal(top, new DiskOpenOptions { ForceShare = true }));
        AssertRefused(ImageErrorKind.InvalidArgument, "open", "AllowMissingParent needs ReadOnly: writing to such a disk would destroy data.", Refusal(top, new DiskOpenOptions { AllowMissingParent = true }));
        AssertRefused(ImageErrorKind.InvalidArgument, "open", "MaxDepth is 0; a disk has at least 1 level.", Refusal(top, new DiskOpenOptions { MaxDepth = 0 }));
        _test.Host.OpenDisk(top, new DiskOpenOptions { ReadOnly = true, ForceShare = true, AllowMissingParent = true }).Dispose();
    }

    [Fact]
    public void ChainThatIsTooLong()
    {
        _test.Qed("0.qed", Size);
        _test.Qed("1.qed", Size, "0.qed");
        string top = _test.Qed("2.qed", Size, "1.qed");

        AssertRefused(
            ImageErrorKind.RefusedByPolicy, "open parent",
            $"{_test["1.qed"]}: the parent '0.qed' (level 2) would make a chain of 3 levels, which may have 2. Allow more with MaxDepth, or merge some levels.",
            Refusal(top, new DiskOpenOptions { MaxDepth = 2 }));
    }

    [Fact]
    public void ParentThatDoesNotExist()
    {
        string top = _test.Qed("top.qed", Size, "gone.qed");

        AssertRefused(
            ImageErrorKind.NotFound, "open parent",
            $"{top}: its parent 'gone.qed' (level 1) does not exist; tried '{_test["gone.qed"]}'. Bring the file back, or open read-only with AllowMissingParent to see what is left.",
            Refusal(top));
    }

    [Fact]
    public void ParentThatIsTheImageItself()
    {
        string top = _test.Qed("top.qed", Size, "./top.qed");
        string message = $"{top}: the chain is a cycle: its parent './top.qed' (level 1, '{top}') is a level above. Give the image the parent that it was made on.";

        AssertRefused(ImageErrorKind.Corrupt, "open parent", message, Refusal(top));
        AssertRefused(ImageErrorKind.Corrupt, "open parent", message, Refusal(top, new DiskOpenOptions { ReadOnly = true }));
    }

    [Fact]
    public void ParentOfAFormatThatMayNotBeOne()
    {
        _test.Raw("base.raw", Size, 7);
        _test.Qed("base.qed", Size);

        AssertRefused(
            ImageErrorKind.RefusedByPolicy, "open parent",
            $"{_test["a.qed"]}: the parent 'base.raw' (level 1) is not marked as raw, and is no image of an allowed format (qed, other) with certainty. If it is raw, allow \"raw\" with AllowedParentFormats, or mark it in the image.",
            Refusal(_test.Qed("a.qed", Size, "base.raw"), new DiskOpenOptions { AllowedParentFormats = ["qed", "other"] }));
        AssertRefused(
            ImageErrorKind.RefusedByPolicy, "open parent",
            $"{_test["b.qed"]}: the parent 'base.qed' (level 1) is of the format 'qed', and only raw, other may be a parent here. Allow it with AllowedParentFormats.",
            Refusal(_test.Qed("b.qed", Size, "base.qed"), new DiskOpenOptions { AllowedParentFormats = ["raw", "other"] }));
    }

    [Fact]
    public void ParentThatIsBroken_IsNamedBeneathItsChild_WithItsOwnReason()
    {
        _test.Qed("base.qed", Size);
        using (FileStream file = File.OpenWrite(_test["base.qed"]))
        {
            file.Position = 8;
            file.Write([3, 0, 0, 0]);
        }

        string top = _test.Qed("top.qed", Size, "base.qed");

        ImageException refusal = Refusal(top);
        Assert.Equal((ImageErrorKind.Corrupt, "open parent", 8L), (refusal.Kind, refusal.Operation, refusal.OffsetBytes));
        Assert.StartsWith($"{top}: its parent (level 1) cannot be opened. {_test["base.qed"]}: header field table_size is 3", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskThatMayNotBecomeWritable()
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        string alone = _test.Qed("alone.qed", Size);
        string top = _test.Qed("top.qed", Size, "gone.qed");
        using VirtualDisk unlocked = _test.Host.OpenDisk(alone, new DiskOpenOptions { ReadOnly = true, ForceShare = true });
        using VirtualDisk orphan = _test.Host.OpenDisk(top, new DiskOpenOptions { ReadOnly = true, AllowMissingParent = true });

        AssertRefused(
            ImageErrorKind.InvalidArgument, "make writable",
            $"{alone}: the disk cannot be made writable: it was opened without locks (ForceShare). Close it, and open it for writing.",
            await Assert.ThrowsAsync<ImageException>(() => unlocked.SetReadOnlyAsync(false, stop).AsTask()));
        AssertRefused(
            ImageErrorKind.NotFound, "make writable",
            $"{top}: the disk cannot be made writable: the parent 'gone.qed' of '{top}' is missing, and writing would make the zeros in its place last. Bring it back first.",
            await Assert.ThrowsAsync<ImageException>(() => orphan.SetReadOnlyAsync(false, stop).AsTask()));
        Assert.True(unlocked.IsReadOnly && orphan.IsReadOnly);
    }

    [Fact]
    public void ChangesOfADiskThatIsOnlyRead()
    {
        string path = _test.Qed("top.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true });
        string message = $"{path}: the disk is open for reading only. Open it without ReadOnly to change it.";

        AssertRefused(ImageErrorKind.ReadOnly, "write", message, Assert.Throws<ImageException>(() => disk.Write(0, new byte[512])));
        AssertRefused(ImageErrorKind.ReadOnly, "write zeros", message, Assert.Throws<ImageException>(() => disk.WriteZeroes(0, 512)));
        AssertRefused(ImageErrorKind.ReadOnly, "discard", message, Assert.Throws<ImageException>(() => disk.Discard(0, 512)));
    }

    [Fact]
    public void FlagsThatAreNotAGuestsAffair()
    {
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size));

        ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => disk.Write(0, new byte[512], (WriteFlags)(1 << 20)));
        Assert.StartsWith("A disk takes ForceUnitAccess, MayUnmap, FastOnly only; whether to allocate is its own affair.", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("flags", refusal.ParamName);
    }

    [Fact]
    public async Task LevelsThatDoNotExist()
    {
        _test.Qed("base.qed", Size);
        string alone = _test.Qed("alone.qed", Size);
        string top = _test.Qed("top.qed", Size, "base.qed");
        using VirtualDisk one = _test.Host.OpenDisk(alone);
        using VirtualDisk two = _test.Host.OpenDisk(top);

        ImageException ofOne = await Assert.ThrowsAsync<ImageException>(() => one.CommitAsync(cancellationToken: TestContext.Current.CancellationToken).AsTask());
        Assert.Equal((ImageErrorKind.InvalidArgument, $"{alone}: cannot {ofOne.Operation}: the disk has one level, and no parent."), (ofOne.Kind, ofOne.Message));
        foreach (int depth in new[] { 0, 2 })
        {
            ImageException ofTwo = await Assert.ThrowsAsync<ImageException>(() => two.CommitAsync(new CommitOptions { TargetDepth = depth }, cancellationToken: TestContext.Current.CancellationToken).AsTask());
            Assert.Equal(
                (ImageErrorKind.InvalidArgument, $"{top}: cannot {ofTwo.Operation}: the level {depth} is not one beneath the top; those have the numbers 1 to 1."), (ofTwo.Kind, ofTwo.Message));
        }
    }

    public void Dispose() => _test.Dispose();

    private static void AssertRefused(ImageErrorKind kind, string operation, string message, ImageException refusal) =>
        Assert.Equal((kind, operation, message), (refusal.Kind, refusal.Operation, refusal.Message));

    private ImageException Refusal(string path, DiskOpenOptions? options = null) => Assert.Throws<ImageException>(() => _test.Host.OpenDisk(path, options ?? new DiskOpenOptions()).Dispose());
}
