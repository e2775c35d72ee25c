using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

public sealed class CrashStatesTests
{
    private static byte[] Sectors(params byte[] values) => [.. values.SelectMany(value => Enumerable.Repeat(value, 512))];

    // The state as one number per sector.
    private static string Text(SimulatedFile file) =>
        string.Join(' ', Enumerable.Range(0, (int)((file.LengthBytes + 511) / 512)).Select(sector => file.ReadBytes(sector * 512L, 1)[0]));

    private static HashSet<string> Texts(IEnumerable<CrashState> states) => [.. states.Select(state => Text(state.File))];

    [Fact]
    public void ProcessKill_LeavesEveryPrefix()
    {
        var file = new SimulatedFile("f", content: Sectors(0, 0));
        using SimulatedStorage storage = file.Open();
        storage.Write(0, Sectors(1, 2));
        storage.SetLength(512);

        Assert.Equal(["0 0", "1 0", "1 2", "1"], CrashStates.OfProcessKill(file).Select(state => Text(state.File)));
    }

    [Fact]
    public void PowerLoss_LeavesAnySubsetOfTheOpenEpoch()
    {
        var file = new SimulatedFile("f", content: Sectors(9, 9));
        using SimulatedStorage storage = file.Open();
        storage.Write(0, Sectors(1));
        storage.Barrier();
        storage.Write(0, Sectors(2));
        storage.Write(512, Sectors(3));
        storage.Write(0, Sectors(4));

        Assert.Equal(["1 9", "1 3", "2 9", "2 3", "4 9", "4 3"], Texts(CrashStates.OfPowerLoss(file, position: 5)));
        Assert.Equal(["9 9", "1 9"], Texts(CrashStates.OfPowerLoss(file, position: 1)));
        Assert.Equal(["1 9"], Texts(CrashStates.OfPowerLoss(file, position: 2)));
        Assert.Equal(["9 9", "1 9", "1 3", "2 9", "2 3", "4 9", "4 3"], Texts(CrashStates.OfPowerLoss(file)));
    }

    [Fact]
    public void PowerLoss_LosesGrowth_AndWhatLiesInIt()
    {
        var file = new SimulatedFile("f", content: Sectors(9));
        using SimulatedStorage storage = file.Open();
        storage.Write(512, Sectors(1, 2));

        Assert.Equal(["9", "9 0 0", "9 1 0", "9 0 2", "9 1 2"], Texts(CrashStates.OfPowerLoss(file, position: 1)));
    }

    [Fact]
    public void PowerLoss_WithoutTheZeroFact_LeavesGarbage()
    {
        var file = new SimulatedFile("f", SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero, Sectors(9));
        using SimulatedStorage storage = file.Open();
        storage.Write(512, Sectors(1, 2));

        Assert.Equal(["9", "9 219 219", "9 1 219", "9 219 2", "9 1 2"], Texts(CrashStates.OfPowerLoss(file, position: 1)));
    }

    [Fact]
    public void PowerLoss_KeepsOrLosesAHoleAsAWhole()
    {
        var file = new SimulatedFile("f", content: Sectors(1, 2, 3, 4));
        using SimulatedStorage storage = file.Open();
        storage.PunchHole(512, 1024);

        Assert.Equal(["1 2 3 4", "1 0 0 4"], Texts(CrashStates.OfPowerLoss(file, position: 1)));
    }

    [Fact]
    public void PowerLoss_AfterACutAndNewGrowth_MayLeaveTheOldBytesOrZeros()
    {
        var file = new SimulatedFile("f", content: Sectors(1, 2, 3));
        using SimulatedStorage storage = file.Open();
        storage.SetLength(512);
        storage.SetLength(1536);

        Assert.Equal(["1 2 3", "1", "1 0 0"], Texts(CrashStates.OfPowerLoss(file, position: 2)));
    }

    [Fact]
    public void PowerLoss_APunchedPlace_IsZeroForGood_EvenWithoutTheZeroFact()
    {
        var file = new SimulatedFile("f", SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero);
        using SimulatedStorage storage = file.Open();
        storage.SetLength(8192);
        storage.PunchHole(0, 4096);
        storage.Barrier();

        CrashState state = Assert.Single(CrashStates.OfPowerLoss(file, position: 3));
        Assert.Equal("0 0 0 0 0 0 0 0 219 219 219 219 219 219 219 219", Text(state.File));
    }

    [Fact]
    public void Garbage_IsNotWhatLaterGrowthReads()
    {
        var file = new SimulatedFile("f", SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero);
        using SimulatedStorage storage = file.Open();
        storage.SetLength(700);
        storage.Barrier();
        SimulatedFile left = Assert.Single(CrashStates.OfPowerLoss(file, position: 2)).File;
        using SimulatedStorage again = left.Open();
        again.SetLength(2048);

        byte[] bytes = left.ReadBytes(0, 2048);
        Assert.All(bytes[..700], value => Assert.Equal(0xDB, value));
        Assert.All(bytes[700..], value => Assert.Equal(0, value));
    }

    [Fact]
    public void PowerLoss_OfManySectors_IsSampled_TheSameForTheSameSeed()
    {
        var file = new SimulatedFile();
        using SimulatedStorage storage = file.Open();
        storage.Write(0, [.. Enumerable.Repeat((byte)7, 40 * 512)]);

        string[] first = [.. CrashStates.OfPowerLoss(file, 1).Select(state => state.File.ComputeHash())];
        Assert.Equal(first, CrashStates.OfPowerLoss(file, 1).Select(state => state.File.ComputeHash()));
        Assert.NotEqual(first, CrashStates.OfPowerLoss(file, 1, new PowerLossOptions { Seed = 2 }).Select(state => state.File.ComputeHash()));
        Assert.Equal(first.Length, first.Distinct().Count());
        Assert.InRange(first.Length, 200, 1000);
    }

    [Fact]
    public void OfPowerLoss_IsNotAffectedByWhatHappensToAStateItGave()
    {
        var file = new SimulatedFile("f", content: Sectors(1));
        using SimulatedStorage storage = file.Open();
        storage.Write(0, Sectors(2));
        foreach (CrashState state in CrashStates.OfPowerLoss(file))
        {
            using SimulatedStorage left = state.File.Open();
            Assert.Contains(Text(state.File), new[] { "1", "2" });
            left.Write(0, Sectors(5));
        }
    }
}
