using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Merging upwards: every level from the survivor on up reads as before, live and afterwards, and those beneath do not change.</summary>
public sealed class MergeUpTests
{
    private const string Search = "merge-up";
    private const int Block = 4096;

    [Theory]
    [Trait("Long", Search)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MergeUp_OfARandomRange_KeepsWhatAllLevelsRead(bool isLive)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        for (int round = 0; round < 25 || DateTime.UtcNow < end; round++)
        {
            await RunAsync(random, isLive, $"seed {seed}, round {round}, live {isLive}");
        }
    }

    [Fact]
    public async Task ShorterLevelThatGoes_StillHidesWhatIsLongerBeneathIt()
    {
        using var test = new PullFolder();
        test.Create("base", 4 * Block);
        test.Fill("base", 1, 0, 4 * Block);
        test.Create("short", Block, "base");
        test.Create("middle", 3 * Block, "short");
        test.Create("top", 4 * Block, "middle");
        using VirtualDisk disk = test.Open("top");

        MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Up });

        Assert.Equal((0, test["middle"]), (result.CopiedBytes, result.SurvivorPath));
        Assert.False(File.Exists(test["short"]));
        disk.Close();
        byte[] bytes = test.Read("top");
        Assert.True(!bytes.AsSpan(0, Block).ContainsAnyExcept((byte)1) && !bytes.AsSpan(Block).ContainsAnyExcept((byte)0));
        Assert.Equal(("base", null), await test.ParentOfAsync("middle"));
    }

    private static async Task RunAsync(Random random, bool isLive, string where)
    {
        using var test = new PullFolder();
        int depth = random.Next(2, 7);
        var names = new List<string>();
        for (int i = 0; i < depth; i++)
        {
            string? parent = i == 0 ? null : names[^1];
            string name = i == 0 && random.Next(2) == 0 ? "0.raw" : $"{i}";
            names.Add(random.Next(3) == 0
                ? test.Create(name, random.Next(1, 300) * 512, parent, 4096 << random.Next(3), "qed")
                : test.Create(name, random.Next(1, 300) * 512, parent, 512 << random.Next(8)));
            test.Scatter(name, random);
        }

        // Top first, as depths count.
        names.Reverse();
        int from = random.Next(depth - 1);
        int to = random.Next(from + 1, depth);
        byte[][] views = [.. names.Select(test.Read)];
        byte[][] files = [.. names.Skip(to + 1).Select(name => File.ReadAllBytes(test[name]))];
        using (VirtualDisk disk = test.Open(names[0]))
        {
            PullGuests? guests = isLive ? new PullGuests(disk, views[0], random.Next()) : null;
            MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = MergeDirection.Up, KeepFiles = random.Next(2) == 0 });
            if (guests is not null)
            {
                await guests.StopAsync();
            }

            Assert.Equal(MergeDirection.Up, result.Direction);
            Assert.Equal(depth - (to - from), disk.Levels.Count);
            Assert.True(views[0].AsSpan().SequenceEqual(TestDisks.ReadAll(disk)), $"{where}, {from} to {to}, live");
            disk.Write(0, views[0].AsSpan(0, 1));
            disk.Close();
        }

        for (int i = 0; i < depth; i++)
        {
            if (i <= from)
            {
                Assert.True(views[i].AsSpan().SequenceEqual(test.Read(names[i])), $"{where}, {from} to {to}, level {i}");
            }
            else if (i > to)
            {
                Assert.True(files[i - to - 1].AsSpan().SequenceEqual(File.ReadAllBytes(test[names[i]])), $"{where}, {from} to {to}: {names[i]} has changed");
            }
        }

        Assert.Equal(to == depth - 1 ? null : names[to + 1], (await test.ParentOfAsync(names[from])).Name);
    }
}
