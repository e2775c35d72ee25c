namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a journal says of a chain: which image stays, which files go, and who tells that the links are done.</summary>
public sealed class MergeJournalFilesTests : IDisposable
{
    private const int Count = 5;

    private readonly FileLevels _files = new(Count);

    public static TheoryData<int, int> Ranges =>
        [.. Enumerable.Range(0, Count).SelectMany(from => Enumerable.Range(from + 1, Count - from - 1).Select(to => (from, to)))];

    public void Dispose() => _files.Dispose();

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Downwards_TheLowestStays_AndAllAboveItInTheRangeGo_TheTopOnlyAtTheEnd(int from, int to)
    {
        foreach (bool keeps in (bool[])[false, true])
        {
            MergeJournal journal = MergeJournal.For(_files.All, from, to, MergeDirection.Down, keeps)!;

            AssertSame(journal, to, from == 0 ? 0 : from - 1, Enumerable.Range(from, to - from).Where(depth => depth > 0));
            Assert.Equal((MergeDirection.Down, from == 0, keeps, false), (journal.Direction, journal.TakesTop, journal.KeepsFiles, journal.IsCommit));
        }
    }

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Upwards_TheHighestStays_AndAllBeneathItInTheRangeGo(int from, int to)
    {
        foreach (bool keeps in (bool[])[false, true])
        {
            MergeJournal journal = MergeJournal.For(_files.All, from, to, MergeDirection.Up, keeps)!;

            AssertSame(journal, from, to == Count - 1 ? null : to + 1, Enumerable.Range(from + 1, to - from));
            Assert.Equal((MergeDirection.Up, false, keeps, false), (journal.Direction, journal.TakesTop, journal.KeepsFiles, journal.IsCommit));
        }
    }

    [Fact]
    public void LevelsThatAreNoFiles_AreNotListed()
    {
        using var mixed = new FileLevels(Count, 2, 4);
        MergeJournal down = MergeJournal.For(mixed.All, 1, 3, MergeDirection.Down, keepsFiles: false)!;
        Assert.Equal([mixed["1.img"]], down.Files.Select(file => file.Path));
        Assert.Null(MergeJournal.For(mixed.All, 1, 3, MergeDirection.Up, keepsFiles: false)!.Neighbour);
        Assert.Null(MergeJournal.For(mixed.All, 3, 4, MergeDirection.Down, keepsFiles: false));
        Assert.NotNull(MergeJournal.For(mixed.All, 3, 4, MergeDirection.Up, keepsFiles: false));
        Assert.Null(MergeJournal.For(mixed.All, 2, 3, MergeDirection.Up, keepsFiles: false));
        Assert.NotNull(MergeJournal.For(mixed.All, 2, 3, MergeDirection.Down, keepsFiles: false));
    }

    /// <summary>Who finishes it would not know which top that was.</summary>
    [Fact]
    public void ATopThatIsNoFile_IsNothingToWriteDown_WhenItGoes()
    {
        using var mixed = new FileLevels(3, 0);
        Assert.Null(MergeJournal.For(mixed.All, 0, 2, MergeDirection.Down, keepsFiles: false));
        Assert.Null(MergeJournal.For(mixed.All, 1, 2, MergeDirection.Down, keepsFiles: false)!.Neighbour);
        Assert.Null(MergeJournal.For(mixed.All, 0, 2, MergeDirection.Up, keepsFiles: false));
    }

    [Fact]
    public void ANeighbour_IsTheVeryFile_OrNoneWhereNoneIsNamed()
    {
        MergeJournal over = MergeJournal.For(_files.All, 1, 2, MergeDirection.Up, keepsFiles: false)!;
        MergeJournal lowest = MergeJournal.For(_files.All, 1, 4, MergeDirection.Up, keepsFiles: false)!;

        Assert.Equal([false, false, false, true, false], _files.All.Select(over.IsNeighbour));
        Assert.False(over.IsNeighbour(null));
        Assert.False(over.IsNeighbour(FileLevels.Memory("3.img")));
        Assert.Equal([false, false, false, false, false], _files.All.Select(lowest.IsNeighbour));
        Assert.True(lowest.IsNeighbour(null));
        Assert.False(lowest.IsNeighbour(FileLevels.Memory("3.img")));
        Assert.Equal([false, false, true, false, false], _files.All.Select(level => over.Names(level.Mark)));
    }

    /// <summary>Also where nobody has written down when it was made, so that no other name could be told to be its.</summary>
    [Fact]
    public void AFileInItsPlace_IsFoundThere()
    {
        JournalFile file = Of(2);
        Assert.Equal(file.Path, (file with { Mark = file.Mark with { BirthStamp = 0 } }).FindPath());
    }

    private void AssertSame(MergeJournal journal, int survivor, int? neighbour, IEnumerable<int> files)
    {
        Assert.Equal((_files.All[survivor].Mark!.Value, $"format of {survivor}.img"), (journal.Survivor, journal.SurvivorFormat));
        Assert.Equal(neighbour is { } depth ? Of(depth) : null, journal.Neighbour);
        Assert.Equal(files.Select(Of), journal.Files);
    }

    private JournalFile Of(int depth) => new(_files.All[depth].Mark!.Value, 100 + depth, _files[FormattableString.Invariant($"{depth}.img")]);
}
