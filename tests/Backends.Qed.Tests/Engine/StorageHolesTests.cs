using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

public sealed class StorageHolesTests
{
    private const int Block = 4096;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Answers_AreThoseOfTheStorage_HoweverManyRunsItHas_AndInWhateverOrderTheyAreAskedFor(bool rememberHoles)
    {
        const int Blocks = 9000;
        var random = new Random(5);
        bool[] isData = [.. Enumerable.Range(0, Blocks).Select(_ => random.Next(2) == 0)];
        isData[^1] = true;
        var file = new SimulatedFile("holes");
        for (int i = 0; i < Blocks; i++)
        {
            if (isData[i])
            {
                file.Poke(i * Block, [1]);
                file.Poke(((i + 1) * Block) - 1, [1]);
            }
        }

        using SimulatedStorage storage = file.Open();
        var holes = new StorageHoles(storage, rememberHoles);
        for (int i = 0; i < 30_000; i++)
        {
            long offset = random.Next(Blocks * Block);
            int block = (int)(offset / Block);
            StorageExtent seen = holes.At(offset);
            Assert.Equal(!isData[block], seen.IsHole);
            long end = (offset + seen.LengthBytes - 1) / Block;
            Assert.True(end < Blocks && isData.AsSpan(block, (int)(end - block) + 1).IndexOf(!isData[block]) < 0, $"{offset}: {seen}");
        }

        holes.Clear();
        Assert.Equal(!isData[0], holes.At(0).IsHole);
    }

    [Fact]
    public void BehindTheEnd_AndOnAStorageThatDoesNotKnow_AllIsData()
    {
        var file = new SimulatedFile("short", SimulatedFile.GoodFacts);
        file.Poke(0, [1]);
        using SimulatedStorage storage = file.Open();
        StorageExtent behind = new StorageHoles(storage, rememberHoles: true).At(1 << 20);
        Assert.Equal((false, long.MaxValue - (1 << 20)), (behind.IsHole, behind.LengthBytes));

        using SimulatedStorage blind = file.Copy(SimulatedFile.GoodFacts & ~StorageFacts.CanMapHoles).Open();
        StorageExtent unknown = new StorageHoles(blind, rememberHoles: true).At(77);
        Assert.Equal((false, long.MaxValue - 77), (unknown.IsHole, unknown.LengthBytes));
    }
}
