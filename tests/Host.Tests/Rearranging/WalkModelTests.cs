using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a push and a pull are going to do, found from maps alone, against the answer that is worked out place by place.</summary>
public sealed class WalkModelTests
{
    private const int Unit = 512;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Push_IsOneRunOfEachKind_DataCutAtItsUnits(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 60; round++)
        {
            DrawnLevel[] levels = Draw(random, random.Next(1, 4));
            int length = levels[0].Units;
            int from = random.Next(length);
            int to = random.Next(from, length + 1);
            int piece = 1 << random.Next(1, 6);
            List<PushRun> expected = [];
            for (int at = from; at < to; at++)
            {
                PushKind kind = Find(levels, at).Kind switch { 'D' => PushKind.Data, 'Z' => PushKind.Zero, _ => PushKind.Skip };
                if (expected.Count > 0 && expected[^1].Kind == kind && (kind != PushKind.Data || at % piece != 0))
                {
                    expected[^1] = expected[^1] with { LengthBytes = expected[^1].LengthBytes + Unit };
                }
                else
                {
                    expected.Add(new PushRun(kind, at * Unit, Unit));
                }
            }

            var walk = new PushWalk(new Generation([.. levels.Select(level => level.Level)]), from * Unit, to * Unit);
            List<PushRun> seen = [];
            while (await walk.NextAsync(piece * Unit, Stop) is { } run)
            {
                seen.Add(run);
            }

            Assert.Equal(expected, seen);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task PushEstimate_CountsData_AndTheBlocksOfTheTargetThatAreNewForIt(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 60; round++)
        {
            DrawnLevel[] levels = Draw(random, random.Next(1, 4));
            DrawnLevel target = Draw(random, 1)[0];
            bool[] isData = [.. Enumerable.Range(0, levels[0].Units).Select(at => Find(levels, at).Kind == 'D')];
            int block = target.BlockUnits;
            long fresh = 0;
            for (int start = 0; start < isData.Length; start += block)
            {
                if (isData.Skip(start).Take(block).Contains(true))
                {
                    fresh += Enumerable.Range(start, block).Count(at => at >= target.Units || target.Kinds[at] != 'D');
                }
            }

            PushEstimate estimate = await PushEstimate.OfAsync([.. levels.Select(level => level.Level)], target.Level, Stop);

            Assert.Equal((isData.Count(data => data) * Unit, fresh * Unit), (estimate.DataBytes, estimate.NewBytes));
        }
    }

    /// <summary>The target gives two runs, and then one at a time; its last unit is zero, and has a place all the same.</summary>
    [Fact]
    public async Task PushEstimate_TakesTheRunsOfTheLastAnswerOnly_AndZerosThatHaveAPlaceAreNotNew()
    {
        Extent[] units = [.. "D.DZ".Select(kind => kind == '.' ? new Extent(ExtentKind.Free, Unit) : new Extent(kind == 'D' ? ExtentKind.Data : ExtentKind.Zero, Unit, IsAllocated: true))];
        var target = new RunsImage(new BlockImage("target", 4 * Unit, Unit), (offset, _) => offset == 0 ? units[..2] : [units[offset / Unit]]);

        PushEstimate estimate = await PushEstimate.OfAsync([LevelOf(TestDisks.Filled("level", 4 * Unit, Unit, 1))], LevelOf(target), Stop);

        Assert.Equal((4 * Unit, Unit), (estimate.DataBytes, estimate.NewBytes));
    }

    [Fact]
    public async Task PushEstimate_OfATargetThatAnswersMoreThanWasAsked_IsAFault()
    {
        var level = new BlockImage("level", 4 * Unit, Unit);
        level.Write(Unit, new byte[Unit]);
        var target = new RunsImage(new BlockImage("target", 4 * Unit, Unit), (_, length) => [new Extent(ExtentKind.Free, length + 1)]);

        ImageException fault = await Assert.ThrowsAsync<ImageException>(async () => await PushEstimate.OfAsync([LevelOf(level)], LevelOf(target), Stop));

        Assert.Equal(ImageErrorKind.BackendFault, fault.Kind);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Pull_TakesInWholeBlocks_WhereTheViewsMayDiffer(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 60; round++)
        {
            DrawnLevel[] levels = Draw(random, random.Next(2, 5));
            DrawnLevel target = levels[0];
            DrawnLevel[] before = levels[1..];
            DrawnLevel[] after = random.Next(3) switch
            {
                0 => [],
                1 => before[random.Next(before.Length + 1)..],
                _ => [.. Draw(random, 1), .. before[random.Next(before.Length + 1)..]],
            };
            int most = target.BlockUnits * random.Next(1, 4);
            List<PullPiece> expected = Expect(target, before, after, most);
            var walk = new PullWalk(target.Level, View(before), View(after), most * Unit);
            List<PullPiece> seen = [];
            while (walk.OffsetBytes < target.Units * Unit)
            {
                PullPiece piece = await walk.NextAsync(Stop);
                Assert.Equal(piece.EndBytes, walk.OffsetBytes);
                Assert.False(piece.LengthBytes == 0 && (piece.IsZero || piece.IsOverData));
                if (piece.LengthBytes > 0)
                {
                    seen.Add(piece);
                }
            }

            Assert.Equal(expected, seen);
            int data = expected.Where(piece => !piece.IsZero).Sum(piece => (int)((piece.LengthBytes / Unit) + target.BlockUnits - 1) / target.BlockUnits * target.BlockUnits);
            Assert.Equal(data * Unit, await PullRoom.EstimateBytesAsync([.. levels.Select(level => level.Level)], 0, [.. after.Select(level => level.Level)], Stop));
        }
    }

    private static List<PullPiece> Expect(DrawnLevel target, DrawnLevel[] before, DrawnLevel[] after, int most)
    {
        List<PullPiece> pieces = [];
        for (int start = 0; start < target.Units; start += target.BlockUnits)
        {
            int end = Math.Min(target.Units, start + target.BlockUnits);
            if (target.Kinds[start] != '.')
            {
                continue;
            }

            (bool isDifferent, bool isData, bool isOverData) = (false, false, false);
            for (int at = start; at < end; at++)
            {
                (char was, DrawnLevel? old) = Find(before, at);
                (char becomes, DrawnLevel? next) = Find(after, at);
                isData |= was == 'D';
                isOverData |= becomes == 'D';
                isDifferent |= (was == 'D') != (becomes == 'D') || (was == 'D' && old != next);
            }

            if (!isDifferent)
            {
                continue;
            }

            if (pieces.Count > 0 && pieces[^1] is var last && last.EndBytes == start * Unit && last.IsZero == !isData && (last.IsZero || last.LengthBytes < most * Unit))
            {
                pieces[^1] = last with { EndBytes = end * Unit, IsOverData = last.IsOverData || isOverData };
            }
            else
            {
                pieces.Add(new PullPiece(start * Unit, end * Unit, !isData, isOverData));
            }
        }

        return pieces;
    }

    private static Level LevelOf(IDiskImage image) => new() { Image = image, Path = image.Name, FormatId = "blocks" };

    private static ChainView View(DrawnLevel[] levels) => new([.. levels.Select(level => level.Level)]);

    /// <summary>The level that decides what a place reads as; a level that ends hides what lies beneath.</summary>
    private static (char Kind, DrawnLevel? Level) Find(DrawnLevel[] levels, int at)
    {
        foreach (DrawnLevel level in levels)
        {
            char kind = at < level.Units ? level.Kinds[at] : 'Z';
            if (kind != '.')
            {
                return (kind, level);
            }
        }

        return ('.', null);
    }

    private static DrawnLevel[] Draw(Random random, int count)
    {
        var levels = new DrawnLevel[count];
        for (int i = 0; i < count; i++)
        {
            int block = 1 << random.Next(4);
            int units = random.Next(1, 40);
            var image = new BlockImage(FormattableString.Invariant($"level {i}"), units * Unit, block * Unit) { ShortAnswers = random.Next(2) * 3, TableMisses = random.Next(2) * 3 };
            char[] kinds = new char[units];
            Array.Fill(kinds, '.');
            image.SetBeneath(Beneath.Unknown);
            for (int start = 0; start < units; start += block)
            {
                int length = Math.Min(block, units - start);
                char kind = ".DZ"[random.Next(3)];
                if (kind == 'D')
                {
                    image.Write(start * Unit, new byte[block * Unit].AsSpan(0, block * Unit));
                }
                else if (kind == 'Z')
                {
                    image.WriteZeroes(start * Unit, block * Unit);
                }

                kinds.AsSpan(start, length).Fill(kind);
            }

            levels[i] = new DrawnLevel(new Level { Image = image, Path = image.Name, FormatId = "blocks" }, kinds, block);
        }

        return levels;
    }

    private sealed class RunsImage(IDiskImage inner, Func<long, long, Extent[]> answer) : DelegatingImage(inner)
    {
        public override ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
        {
            Extent[] found = answer(offset, lengthBytes);
            found.CopyTo(runs);
            return new(found.Length);
        }
    }

    /// <param name="Level">The level.</param>
    /// <param name="Kinds">What each unit of it is: data, zeros, free.</param>
    /// <param name="BlockUnits">What it allocates at once.</param>
    private sealed record DrawnLevel(Level Level, char[] Kinds, int BlockUnits)
    {
        public int Units => Kinds.Length;
    }
}
