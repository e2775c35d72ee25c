using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Which of the files that a journal names are deleted, and what the log says of each that is not.</summary>
public sealed class MergeLeftoversTests : IDisposable
{
    private const int Size = 16 * 4096;

    private readonly TestHost _test = new();
    private readonly LogLines _log = new();
    private readonly DiskHost _host;
    private readonly List<Level> _chain = [];

    public MergeLeftoversTests()
    {
        _host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>(), _log);
        _test.Qed("base.qed", Size);
        _test.Qed("low.qed", Size, "base.qed");
        _test.Qed("top.qed", Size, "low.qed");
        foreach (string name in (string[])["top.qed", "low.qed", "base.qed"])
        {
            _chain.Add(FileLevels.Over(FileStorage.Open(_test[name], new FileStorageOptions { ReadOnly = true }), _test[name]));
        }
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (Level level in _chain)
        {
            level.Storage!.Dispose();
        }

        _host.Dispose();
        _test.Dispose();
    }

    /// <summary>The parent that an image between must have had: the survivor downwards, the neighbour upwards.</summary>
    [Theory]
    [InlineData(MergeDirection.Down, "top.qed", "low.qed", null)]
    [InlineData(MergeDirection.Down, "top.qed", "top.qed", Parent)]
    [InlineData(MergeDirection.Down, "top.qed", "base.qed", Parent)]
    [InlineData(MergeDirection.Down, "top.qed", null, Parent)]
    [InlineData(MergeDirection.Down, null, null, Parent)]
    [InlineData(MergeDirection.Down, "top.qed", "missing.qed", Parent)]
    [InlineData(MergeDirection.Down, "top.qed", "nbd:host:1", Parent)]
    [InlineData(MergeDirection.Up, "base.qed", "base.qed", null)]
    [InlineData(MergeDirection.Up, "base.qed", "low.qed", Parent)]
    [InlineData(MergeDirection.Up, "base.qed", "top.qed", Parent)]
    [InlineData(MergeDirection.Up, "base.qed", null, Parent)]
    [InlineData(MergeDirection.Up, "base.qed", "missing.qed", Parent)]
    [InlineData(MergeDirection.Up, null, null, null)]
    [InlineData(MergeDirection.Up, null, "base.qed", Parent)]
    public async Task OneImage_GoesOnlyOverTheParentThatItMustHave(MergeDirection direction, string? neighbour, string? parent, string? why)
    {
        _test.Qed("left.qed", Size, parent);
        await AssertAsync(Journal(direction, neighbour, "left.qed"), ["left.qed", why]);
    }

    /// <summary>Those that went together are parents of each other; one that is gone already counts as well.</summary>
    [Theory]
    [InlineData(MergeDirection.Down, "top.qed", false)]
    [InlineData(MergeDirection.Down, "top.qed", true)]
    [InlineData(MergeDirection.Up, "base.qed", false)]
    [InlineData(MergeDirection.Up, "base.qed", true)]
    public async Task ImagesOverEachOther_GoTogether(MergeDirection direction, string neighbour, bool isLowestGone)
    {
        string parent = direction == MergeDirection.Down ? "low.qed" : "base.qed";
        _test.Qed("c.qed", Size, parent);
        _test.Qed("b.qed", Size, "c.qed");
        _test.Qed("a.qed", Size, "b.qed");
        MergeJournal journal = Journal(direction, neighbour, "a.qed", "b.qed", "c.qed");
        if (isLowestGone)
        {
            File.Delete(_test["c.qed"]);
        }

        await AssertAsync(journal, ["a.qed", null], ["b.qed", null], ["c.qed", null]);
        Assert.Equal(["base.qed", "low.qed", "top.qed"], _test.Files);
    }

    /// <summary>Upwards, without anything beneath, the lowest may be raw; no other one may.</summary>
    [Theory]
    [InlineData("low.raw", null)]
    [InlineData("left.qed", Parent)]
    public async Task AnImageOfNoCertainFormat_GoesOnlyAsTheLowest(string last, string? why)
    {
        _test.Raw("low.raw", 5000, 7);
        _test.Qed("left.qed", Size);
        string other = last == "low.raw" ? "left.qed" : "low.raw";
        await AssertAsync(Journal(MergeDirection.Up, null, other, last), [other, why], [last, null]);
    }

    [Theory]
    [InlineData("low.qed")]
    [InlineData("base.qed")]
    [InlineData("top.qed")]
    public async Task AFileOfTheChain_Stays(string name) =>
        await AssertAsync(Journal(MergeDirection.Down, "top.qed", name), [name, "it is a part of the chain"]);

    [Fact]
    public async Task AnotherFileUnderTheName_Stays()
    {
        _test.Qed("left.qed", Size, "low.qed");
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "left.qed");
        File.Move(_test["left.qed"], _test["moved.qed"]);

        // As one that is beside it, as a folder, and as links: to the file that is meant, to one of the chain, and to nothing.
        File.Copy(_test["moved.qed"], _test["left.qed"]);
        await AssertAsync(journal, ["left.qed", Another]);
        File.Delete(_test["left.qed"]);
        Directory.CreateDirectory(_test["left.qed"]);
        await AssertAsync(journal, ["left.qed", Another]);
        Directory.Delete(_test["left.qed"]);
        foreach (string target in (string[])["moved.qed", "nowhere.qed"])
        {
            File.CreateSymbolicLink(_test["left.qed"], target);
            await AssertAsync(journal, ["left.qed", Another]);
            Assert.Equal(target, new FileInfo(_test["left.qed"]).LinkTarget);
            File.Delete(_test["left.qed"]);
        }

        File.Delete(_test["moved.qed"]);
        File.CreateSymbolicLink(_test["left.qed"], "low.qed");
        await AssertAsync(journal with { Files = [Of("low.qed") with { Path = _test["left.qed"] }] }, ["left.qed", Another]);
    }

    [Fact]
    public async Task AFileOfAnotherFolder_StaysUnlessThatFolderIsNamed()
    {
        string path = _test.Qed("sub/left.qed", Size, "../low.qed");
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "sub/left.qed");

        await AssertAsync(journal, ["sub/left.qed", "it does not lie in a folder of the chain"]);

        IReadOnlyList<string> gone = await new MergeLeftovers(_host, journal, _chain[1], _chain).RemoveAsync([_test["sub"] + "/"], Stop);
        Assert.Equal([path], gone);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task AFileThatHasGrown_OrIsDamaged_Stays()
    {
        _test.Qed("grown.qed", Size, "low.qed");
        _test.Qed("damaged.qed", Size, "low.qed");
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "grown.qed", "damaged.qed");
        using (FileStream file = File.OpenWrite(_test["grown.qed"]))
        {
            file.SetLength(file.Length + 4096);
        }

        using (FileStream file = File.OpenWrite(_test["damaged.qed"]))
        {
            // Clusters that are no power of two.
            file.Position = 4;
            file.WriteByte(3);
        }

        await AssertAsync(journal, ["grown.qed", "it was changed since"], ["damaged.qed", "it is damaged"]);
    }

    [Fact]
    public async Task AFileInUse_Stays_AndSoDoesNoOther()
    {
        _test.Qed("a.qed", Size, "low.qed");
        _test.Qed("b.qed", Size, "low.qed");
        using FileStorage user = FileStorage.Open(_test["a.qed"], new FileStorageOptions { ReadOnly = true });

        IReadOnlyList<string> gone = await new MergeLeftovers(_host, Journal(MergeDirection.Down, "top.qed", "a.qed", "b.qed"), _chain[1], _chain).RemoveAsync([], Stop);

        Assert.Equal([_test["b.qed"]], gone);
        Assert.StartsWith($"{_test["a.qed"]}: left by an interrupted merge, and not deleted, because {_test["a.qed"]}: the file is in use: ", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.True(File.Exists(_test["a.qed"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatOthersNeed_OrMayNeed_Stays_AndSoDoAllOfThem(bool isDamaged)
    {
        _test.Qed("a.qed", Size, "low.qed");
        _test.Qed("b.qed", Size, "low.qed");
        _test.Qed("gone.qed", Size, "low.qed");
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "a.qed", "gone.qed", "b.qed");
        Directory.CreateDirectory(_test["sub"]);
        File.Move(_test["gone.qed"], _test["sub/gone.qed"]);
        _test.Qed("child\u0085.qed", Size, "a.qed");
        if (isDamaged)
        {
            using FileStream file = File.OpenWrite(_test["child\u0085.qed"]);
            file.Position = 4;
            file.WriteByte(3);
        }

        string why = isDamaged ? $"of '{_test["child"]}\\u{{85}}.qed' it cannot be told whether it needs one of the merged ones" : "other images need one of the merged ones";
        await AssertAsync(journal, ["a.qed", why], ["gone.qed", null], ["b.qed", why]);
    }

    /// <summary>Each is told its own reason: what others need is one of those that are meant, not what took the place of another.</summary>
    [Fact]
    public async Task AnotherFileUnderTheName_IsCalledThat_AlsoWhereOthersNeedTheRest()
    {
        _test.Qed("a.qed", Size, "low.qed");
        _test.Qed("b.qed", Size, "low.qed");
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "a.qed", "b.qed");
        _test.Qed("child.qed", Size, "a.qed");
        File.Move(_test["b.qed"], _test["moved.qed"]);
        File.Copy(_test["moved.qed"], _test["b.qed"]);

        await AssertAsync(journal, ["a.qed", "other images need one of the merged ones"], ["b.qed", Another]);
    }

    /// <summary>It was looked at and found to be the one, and then somebody put another there: what is deleted is the one that was meant, or none.</summary>
    [Fact]
    public async Task AFileThatIsReplacedBetweenTheLookAndTheDeletion_Stays()
    {
        _test.Qed("left.qed", Size, "low.qed");
        _test.Raw("other", 5, 1);
        MergeJournal journal = Journal(MergeDirection.Down, "top.qed", "left.qed");
        int looks = 0;
        var backend = new HookedBackend
        {
            BeforeOpen = path =>
            {
                if (path == _test["left.qed"] && looks++ == 0)
                {
                    File.Move(path, _test["moved.qed"]);
                    File.Move(_test["other"], path);
                }
            },
        };
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(backend);
        using var host = new DiskHost(options, _log);

        Assert.Empty(await new MergeLeftovers(host, journal, _chain[1], _chain).RemoveAsync([], Stop));

        Assert.Equal(1, looks);
        Assert.Equal([Text("left.qed", Another)], _log.Lines);
        Assert.Equal(["base.qed", "left.qed", "low.qed", "moved.qed", "top.qed"], _test.Files);
    }

    [Fact]
    public async Task AJournalWithoutFiles_HasLeftNothing() => await AssertAsync(Journal(MergeDirection.Down, "top.qed"));

    private const string Another = "it is another file by now";
    private const string Parent = "it has another parent than a merged image would have";

    private MergeJournal Journal(MergeDirection direction, string? neighbour, params string[] files) => new()
    {
        Survivor = _chain[1].Mark!.Value,
        SurvivorFormat = "qed",
        Direction = direction,
        Neighbour = neighbour is null ? null : Of(neighbour),
        TakesTop = false,
        KeepsFiles = false,
        Files = [.. files.Select(Of)],
    };

    private JournalFile Of(string name) => TestHost.JournalFileAt(_test[name]);

    /// <param name="journal">What is tidied up.</param>
    /// <param name="expected">Each file's name, and why it is not deleted; null for one that is gone afterwards.</param>
    private async Task AssertAsync(MergeJournal journal, params string?[][] expected)
    {
        int logged = _log.Lines.Count;
        string[] before = _test.Files;

        IReadOnlyList<string> gone = await new MergeLeftovers(_host, journal, _chain[1], _chain).RemoveAsync([], Stop);

        Assert.Equal(expected.Where(file => file[1] is null).Select(file => _test[file[0]!]), gone);
        Assert.Equal(expected.Where(file => file[1] is not null).Select(file => Text(file[0]!, file[1]!)), _log.Lines.Skip(logged));
        Assert.Equal(before.Where(file => !expected.Any(each => each[0] == file && each[1] is null)), _test.Files);
    }

    private string Text(string name, string why) =>
        $"{_test[name]}: left by an interrupted merge, and not deleted, because {why}; look at it, and delete it if you do not need it";
}
