using FsCheck;
using FsCheck.Fluent;

namespace QedVd.Host.Tests.Chains;

/// <summary>Random requests over random chains, compared with a byte array. Sizes, depths, block sizes and parents' lengths vary; failures shrink.</summary>
public sealed class ChainModelTests
{
    private const int MaxDepth = 6;
    private const int MaxBytes = 40_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Requests_OverAChain_ReadAsAByteArray(bool isAsync)
    {
        Prop.ForAll(Arbs(), scenario => RunAsync(scenario, isAsync).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(400).WithEndSize(40));
    }

    private static Arbitrary<Scenario> Arbs()
    {
        Gen<LevelSpec> level =
            from size in Gen.Choose(1, MaxBytes)
            from blockLog in Gen.Choose(5, 13)
            from misses in Gen.Choose(0, 8)
            from shorts in Gen.Choose(0, 6)
            select new LevelSpec(size, 1 << blockLog, misses, shorts);
        Gen<Step> step =
            from kind in Gen.Choose(0, 6)
            from offset in Gen.Choose(0, MaxBytes - 1)
            from length in Gen.OneOf(Gen.Choose(0, 100), Gen.Choose(0, 20_000))
            from value in Gen.Choose(0, 3)
            select new Step(kind, offset, length, (byte)value);
        Gen<Scenario> scenario =
            from depth in Gen.Choose(0, MaxDepth)
            from levels in Gen.ArrayOf(level, depth + 1)
            from below in Gen.ArrayOf(Gen.ArrayOf(step), depth + 1)
            from steps in Gen.ArrayOf(step)
            select new Scenario(levels, below, steps);
        return Arb.From(scenario, Shrink);
    }

    private static IEnumerable<Scenario> Shrink(Scenario scenario)
    {
        for (int i = 0; i < scenario.Steps.Length; i++)
        {
            yield return scenario with { Steps = Without(scenario.Steps, i) };
        }

        for (int level = 0; level < scenario.Below.Length; level++)
        {
            for (int i = 0; i < scenario.Below[level].Length; i++)
            {
                Step[][] below = [.. scenario.Below];
                below[level] = Without(below[level], i);
                yield return scenario with { Below = below };
            }
        }

        for (int i = 1; i < scenario.Levels.Length; i++)
        {
            yield return scenario with { Levels = Without(scenario.Levels, i), Below = Without(scenario.Below, i) };
        }
    }

    private static T[] Without<T>(T[] items, int index) => [.. items[..index], .. items[(index + 1)..]];

    /// <summary>Builds the chain from the bottom, with requests on every level, each time over what was there.</summary>
    private static async Task RunAsync(Scenario scenario, bool isAsync)
    {
        List<IDiskImage> images = [];
        byte[] model = [];
        for (int i = scenario.Levels.Length - 1; i >= 0; i--)
        {
            LevelSpec spec = scenario.Levels[i];
            images.Insert(0, new BlockImage($"level {i}", spec.SizeBytes, spec.BlockBytes) { TableMisses = spec.TableMisses, ShortAnswers = spec.ShortAnswers, Waits = isAsync ? 2 : 0 });
            byte[] grown = new byte[spec.SizeBytes];
            model.AsSpan(0, Math.Min(model.Length, grown.Length)).CopyTo(grown);
            model = grown;
            VirtualDisk disk = TestDisks.Compose(images);
            foreach (Step step in i == 0 ? [.. scenario.Below[i], .. scenario.Steps] : scenario.Below[i])
            {
                await DoAsync(disk, model, step, isAsync);
            }

            byte[] all = new byte[model.Length];
            await (isAsync ? disk.ReadAsync(0, all) : Run(() => disk.Read(0, all)));
            Assert.Equal(model, all);
            GC.SuppressFinalize(disk);
        }
    }

    private static async Task DoAsync(VirtualDisk disk, byte[] model, Step step, bool isAsync)
    {
        int offset = step.Offset % model.Length;
        int length = Math.Min(step.Length, model.Length - offset);
        Memory<byte> part = model.AsMemory(offset, length);
        switch (step.Kind)
        {
            case 0 or 1:
                part.Span.Fill(step.Value);
                await (isAsync ? disk.WriteAsync(offset, part) : Run(() => disk.Write(offset, part.Span)));
                break;
            case 2:
                part.Span.Clear();
                await (isAsync ? disk.WriteZeroesAsync(offset, length) : Run(() => disk.WriteZeroes(offset, length)));
                break;
            case 3:
                byte[] after = new byte[length];
                await (isAsync ? disk.DiscardAsync(offset, length) : Run(() => disk.Discard(offset, length)));
                disk.Read(offset, after);
                for (int i = 0; i < length; i++)
                {
                    Assert.True(after[i] == 0 || after[i] == part.Span[i], $"discard at {offset + i}: {part.Span[i]} became {after[i]}");
                }

                after.CopyTo(part);
                break;
            case 4:
                await (isAsync ? disk.FlushAsync() : Run(disk.Flush));
                break;
            case 5 when length > 0:
                DiskExtent extent = isAsync ? await disk.MapAsync(offset, length) : disk.Map(offset, length);
                Assert.InRange(extent.LengthBytes, 1, length);
                Assert.True(!extent.ReadsZero || !part.Span[..(int)extent.LengthBytes].ContainsAnyExcept((byte)0), $"map at {offset} says zero");
                break;
            default:
                byte[] read = new byte[length];
                await (isAsync ? disk.ReadAsync(offset, read) : Run(() => disk.Read(offset, read)));
                Assert.True(part.Span.SequenceEqual(read), $"read of {length} at {offset}");
                break;
        }
    }

    private static ValueTask Run(Action action)
    {
        action();
        return default;
    }

    private sealed record LevelSpec(int SizeBytes, int BlockBytes, int TableMisses, int ShortAnswers);

    private sealed record Step(int Kind, int Offset, int Length, byte Value);

    private sealed record Scenario(LevelSpec[] Levels, Step[][] Below, Step[] Steps)
    {
        public override string ToString() =>
            $"levels: {string.Join("; ", Levels.Select(level => level.ToString()))}\nbelow: {string.Join(" | ", Below.Select(steps => string.Join(", ", steps.Select(step => step.ToString()))))}\nsteps: {string.Join(", ", Steps.Select(step => step.ToString()))}";
    }
}
