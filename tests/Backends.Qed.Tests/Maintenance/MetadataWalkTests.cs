using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class MetadataWalkTests
{
    [Fact]
    public void Walk_YieldsEveryTable_InTheOrderOfL1_WithAllItsEntries()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(40);
        image.SetL1(2, image.At(7)).SetL1(3, 5).SetL1(900, image.At(5));
        image.SetL2(7, 0, 100).SetL2(7, 1023, 200).SetL2(5, 600, 300);

        MetadataWalk walk = WalkOf(image);

        Assert.Equal([(2, image.At(7)), (3, 5UL), (900, image.At(5))], Tables(walk));
        Assert.Equal([(2, 0, 100UL), (2, 1023, 200UL), (900, 600, 300UL)], Entries(walk, skipL1: 3));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(2, 2)]
    [InlineData(3, 900)]
    [InlineData(900, 900)]
    [InlineData(901, -1)]
    public void Rewind_GoesToTheEntry_OrTheFirstOneBehindIt_BackAndAhead(int to, int found)
    {
        QedImageBytes image = new QedImageBytes().SetClusters(40);
        image.SetL1(2, image.At(7)).SetL1(900, image.At(5));
        MetadataWalk walk = WalkOf(image);
        foreach (int from in new[] { -1, 0, 900, 1023 })
        {
            if (from >= 0)
            {
                walk.Rewind(from);
                Next(walk);
            }

            walk.Rewind(to);

            Assert.Equal(found >= 0, Next(walk));
            Assert.Equal(found, walk.L1Index);
        }
    }

    [Fact]
    public void OpenTable_BeginsAtTheEntryAskedFor()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(40).SetL2(7, 0, 100).SetL2(7, 700, 200);
        MetadataWalk walk = WalkOf(image);

        walk.OpenTable((long)image.At(7), 5);

        Assert.True(SyncIo.Complete(walk.NextEntriesAsync<SyncIo>(default)));
        Assert.Equal(200UL, walk.Entries[700 - walk.FirstIndex]);
        Assert.True(walk.FirstIndex >= 5);
    }

    private static MetadataWalk WalkOf(QedImageBytes image) => new(image.File.Open(readOnly: true), image.Header.Parse(image.File.LengthBytes));

    private static bool Next(MetadataWalk walk) => SyncIo.Complete(walk.NextTableAsync<SyncIo>(default));

    private static List<(int Index, ulong Value)> Tables(MetadataWalk walk)
    {
        List<(int, ulong)> all = [];
        walk.Rewind();
        while (Next(walk))
        {
            all.Add((walk.L1Index, walk.L1Value));
        }

        return all;
    }

    private static List<(int L1Index, int Index, ulong Value)> Entries(MetadataWalk walk, int skipL1)
    {
        List<(int, int, ulong)> all = [];
        walk.Rewind();
        while (Next(walk))
        {
            while (walk.L1Index != skipL1 && SyncIo.Complete(walk.NextEntriesAsync<SyncIo>(default)))
            {
                for (int i = 0; i < walk.Entries.Length; i++)
                {
                    if (walk.Entries[i] != 0)
                    {
                        all.Add((walk.L1Index, walk.FirstIndex + i, walk.Entries[i]));
                    }
                }
            }
        }

        return all;
    }
}
