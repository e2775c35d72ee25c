using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>
/// The power is lost, or the process killed, at each point of a resize: the size is the old or the new one, what both sizes have is there, a new part
/// reads as zero, what a shrink cuts off is as it was or zero, and nothing is allocated twice afterwards.
/// </summary>
public sealed class ResizeCrashTests(ITestOutputHelper output)
{
    private const int Cluster = 4096;
    private const long TableSpan = 512 * Cluster;
    private const long Beyond = (1L << 30) + (9 * Cluster);
    private const StorageFacts NoZeroes = StorageFacts.CanSetLength;

    // What is looked at: windows around everything that a test writes, and around the ends.
    private static readonly (long Start, int Length)[] s_windows =
        [(0, 12 * Cluster), (TableSpan - (2 * Cluster), 14 * Cluster), ((3 * TableSpan) - Cluster, 10 * Cluster), (Beyond - (2 * Cluster), 2 * Cluster)];

    [Theory]
    [InlineData((10 * Cluster) + 512, (11 * Cluster) + 1024, false, SimulatedFile.GoodFacts)]
    [InlineData((10 * Cluster) + 512, 3 * TableSpan, true, SimulatedFile.GoodFacts)]
    [InlineData((10 * Cluster) + 512, 3 * TableSpan, true, NoZeroes)]
    [InlineData(TableSpan, TableSpan + (9 * Cluster), true, SimulatedFile.GoodFacts)]
    [InlineData(TableSpan + (8 * Cluster), Beyond, false, SimulatedFile.GoodFacts)]
    [InlineData(TableSpan + (8 * Cluster), Beyond, true, SimulatedFile.GoodFacts)]
    [InlineData(TableSpan + (8 * Cluster), Beyond, false, NoZeroes)]
    [InlineData((3 * TableSpan) + (4 * Cluster), (10 * Cluster) + 512, false, SimulatedFile.GoodFacts)]
    [InlineData((3 * TableSpan) + (4 * Cluster), (10 * Cluster) + 512, true, SimulatedFile.GoodFacts)]
    [InlineData((3 * TableSpan) + (4 * Cluster), TableSpan, true, NoZeroes)]
    [InlineData(3 * TableSpan, 0, false, SimulatedFile.GoodFacts)]
    public async Task Crash_LeavesTheOldSizeOrTheNew_AndNothingElseThatIsNew(long old, long size, bool withParent, StorageFacts facts)
    {
        byte[]? parent = withParent ? ConcurrencyTests.Pattern((int)(3 * TableSpan) + 100, 3) : null;
        SimulatedFile file = Images.Create(old, Cluster, 1, withParent, facts);
        QedImage image = Open(file, parent);
        byte[] own = ConcurrencyTests.Pattern(2 * Cluster, 5);
        foreach (long place in new[] { 2 * Cluster, 10 * Cluster, TableSpan + Cluster, 3 * TableSpan })
        {
            if (place < old)
            {
                int length = (int)Math.Min(own.Length, old - place);
                GuestDisk.Write(image, place, own.AsSpan(0, length), parent);
            }
        }

        image.Flush();
        List<byte[]> before = Look(image, parent);
        int start = file.Trace.Count;
        await image.ResizeAsync(size, mayShrink: true);
        await image.CloseAsync();

        int states = 0;
        HashSet<string> seen = [];
        IEnumerable<CrashState> power = CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 4, Samples = 3 });
        foreach (CrashState state in power.Concat(CrashStates.OfProcessKill(file)).Where(state => state.Position >= start))
        {
            if (seen.Add(state.File.ComputeHash()))
            {
                Verify(state, old, size, before, parent);
                states++;
            }
        }

        output.WriteLine($"{states} states");
        Assert.True(states >= 3);
    }

    private static void Verify(CrashState state, long old, long size, List<byte[]> before, byte[]? parent)
    {
        CheckReport report = Images.Check(state.File);
        Assert.True(report.IsSound, $"{state.Description}\n{string.Join('\n', report.Findings)}");
        using (QedImage image = Open(state.File, parent))
        {
            long now = image.VirtualSizeBytes;
            Assert.True(now == old || now == size, $"{now} bytes\n{state.Description}");
            int tables = size > 1L << 30 && now == size ? 2 : 1;
            Assert.True(image.Header.Geometry.TableClusters == tables, $"tables of {image.Header.Geometry.TableClusters}\n{state.Description}");
            List<byte[]> seen = Look(image, parent);
            for (int window = 0; window < s_windows.Length; window++)
            {
                AssertWindow(s_windows[window].Start, before[window], seen[window], Math.Min(old, size), old, state);
            }

            // A later growth shows zeros, whatever was left; and what is written then is written nowhere else.
            long larger = Math.Max(old, size) + (20 * Cluster);
            image.ResizeAsync(larger, mayShrink: false).AsTask().GetAwaiter().GetResult();
            AssertZero(GuestDisk.Read(image, now, (int)Math.Min(larger - now, 3 * TableSpan), parent), state);
            seen = Look(image, parent);
            for (long place = larger - Cluster; place > larger - (6 * Cluster); place -= Cluster)
            {
                GuestDisk.Write(image, place, ConcurrencyTests.Pattern(Cluster, 9), parent);
            }

            List<byte[]> after = Look(image, parent);
            for (int window = 0; window < s_windows.Length; window++)
            {
                int length = (int)Math.Clamp(larger - (6 * Cluster) - s_windows[window].Start, 0, after[window].Length);
                Assert.True(seen[window].AsSpan(0, length).SequenceEqual(after[window].AsSpan(0, length)), $"a later write has changed something else\n{state.Description}");
            }
        }

        report = Images.Check(state.File);
        Assert.True(report.IsSound, $"afterwards: {state.Description}\n{string.Join('\n', report.Findings)}");
    }

    private static void AssertWindow(long start, byte[] before, byte[] seen, long kept, long old, CrashState state)
    {
        int same = (int)Math.Clamp(kept - start, 0, Math.Min(before.Length, seen.Length));
        Assert.True(before.AsSpan(0, same).SequenceEqual(seen.AsSpan(0, same)), $"window {start}: what both sizes have has changed\n{state.Description}");
        for (int i = same; i < seen.Length; i++)
        {
            Assert.True(seen[i] == 0 || (i < before.Length && start + i < old && seen[i] == before[i]), $"byte {start + i} is {seen[i]:x2}\n{state.Description}");
        }
    }

    private static void AssertZero(ReadOnlySpan<byte> bytes, CrashState state) => Assert.False(bytes.ContainsAnyExcept((byte)0), $"the new part is not zero\n{state.Description}");

    private static QedImage Open(SimulatedFile file, byte[]? parent)
    {
        QedImage image = Images.Open(file);
        image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
        return image;
    }

    private static List<byte[]> Look(QedImage image, byte[]? parent) =>
        [.. s_windows.Select(window => GuestDisk.Read(image, window.Start, (int)Math.Clamp(image.VirtualSizeBytes - window.Start, 0, window.Length), parent))];
}
