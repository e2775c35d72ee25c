using System.Text.RegularExpressions;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Other children of a level: who is found, how many are named, and what cannot be told.</summary>
public sealed class ChainSiblingsTests : IDisposable
{
    private const int Size = 4096;

    private readonly TestHost _test = new();
    private readonly LogLines _log = new();
    private readonly Level _top;
    private readonly Level _low;

    public ChainSiblingsTests()
    {
        _low = Open(_test.Qed("low.qed", Size));
        _top = Open(_test.Qed("top.qed", Size, "low.qed"));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _low.Storage!.Dispose();
        _top.Storage!.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(1, "'C0'", "")]
    [InlineData(2, "'C0', 'C1'", "")]
    [InlineData(5, "'C0', 'C1', 'C2', 'C3', 'C4'", "")]
    [InlineData(6, "'C0', 'C1', 'C2', 'C3', 'C4'", " and 1 more")]
    [InlineData(9, "'C0', 'C1', 'C2', 'C3', 'C4'", " and 4 more")]
    public async Task Children_AreNamed_TheFirstFive(int count, string names, string more)
    {
        for (int i = 0; i < count; i++)
        {
            _test.Qed($"\u0085{i}.qed", Size, "low.qed");
        }

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await RequireNoneAsync(_low));

        // All at once: the folder may have any name.
        names = Regex.Replace(names, "C([0-9])", match => $"{_test.Folder}/\\u{{85}}{match.Groups[1].Value}.qed");

        Assert.Equal(
            $"{_test["top.qed"]}: cannot stir: a level that this would change is also the parent of {names}{more}, which would read something else then. Rebase or flatten those first, or delete them if they are of no use.",
            refused.Message);
        Assert.Equal((ImageErrorKind.InUse, _test["top.qed"], "stir"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Empty(_log.Lines);

        // The top has none.
        Assert.True(await RequireNoneAsync(_top));
    }

    [Fact]
    public async Task WhatCannotBeTold_IsLogged_AndNothingIsRefused()
    {
        _test.Qed("child.qed", Size, "nbd:host:1");

        Assert.False(await RequireNoneAsync(_low));

        Assert.Equal(
            [$"{_test["child.qed"]}: whether this is another child of a level cannot be told: {_test["child.qed"]}: its parent's name 'nbd:host:1' has the scheme 'nbd:', and only plain file names are opened (write './NAME' for a file with a colon in its name), so that it cannot be told which file that is."],
            _log.Lines);
    }

    [Fact]
    public async Task NoHost_OrNoFiles_MeansNowhereToLook()
    {
        _test.Qed("child.qed", Size, "low.qed");
        Assert.True(await ChainSiblings.RequireNoneAsync(null, [_top, _low], [_low], null, [], "stir", _log, Stop));
        Assert.True(await RequireNoneAsync());
        Assert.True(await RequireNoneAsync(FileLevels.Memory("low.qed")));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task ChildrenThatAnInterruptedMergeLeft_DoNotCount_ThoseInOtherFoldersDoWhenLookedAt()
    {
        _test.Qed("left.qed", Size, "low.qed");
        _test.Qed("sub/far.qed", Size, "../low.qed");
        var gone = new MergeJournal
        {
            Survivor = _low.Mark!.Value,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            Neighbour = null,
            TakesTop = false,
            KeepsFiles = false,
            Files = [new JournalFile(FilePeek.At(_test["left.qed"]).Mark, 0, _test["left.qed"])],
        };

        Assert.True(await ChainSiblings.RequireNoneAsync(_test.Host, [_top, _low], [_low], gone, [], "stir", _log, Stop));
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await ChainSiblings.RequireNoneAsync(_test.Host, [_top, _low], [_low], gone, [_test["sub"]], "stir", _log, Stop));
        Assert.Contains($"parent of '{_test["sub/far.qed"]}', which", refused.Message, StringComparison.Ordinal);
        Assert.Equal([_test.Folder], ChainSiblings.FoldersOf([_top, FileLevels.Memory("/elsewhere/a"), _low]));
    }

    private static Level Open(string path) => FileLevels.Over(FileStorage.Open(path, new FileStorageOptions { ReadOnly = true }), path);

    private async Task<bool> RequireNoneAsync(params Level[] touched) =>
        await ChainSiblings.RequireNoneAsync(_test.Host, [_top, _low], touched, null, [], "stir", _log, Stop);
}
