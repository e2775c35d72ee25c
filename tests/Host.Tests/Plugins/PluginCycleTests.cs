using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>Runs when no other test does: it looks at the whole process.</summary>
[CollectionDefinition(nameof(PluginCycleTests), DisableParallelization = true)]
#pragma warning disable CA1711 // what xunit calls it
public sealed class PluginCycleCollection;
#pragma warning restore CA1711

/// <summary>A program that replaces its plugins for a long time does not grow.</summary>
[Collection(nameof(PluginCycleTests))]
public sealed class PluginCycleTests
{
    private const int Cycles = 1000;
    private const int CyclesPerSample = 50;
    private const int WarmUpSamples = 6;

    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task LoadAndUnload_AThousandTimes_KeepsTheWorkingSetFlat()
    {
        var catalog = new BackendCatalog(new BackendCatalogOptions { AreUnloadable = true });
        List<Sample> samples = [];
        for (int i = 0; i < Cycles; i += CyclesPerSample)
        {
            List<PluginUnload> unloads = [];
            for (int j = 0; j < CyclesPerSample; j++)
            {
                unloads.Add(Cycle(catalog));
            }

            foreach (PluginUnload unload in unloads)
            {
                Assert.True(await unload.WaitAsync(s_long), $"A plugin of the cycles {i} to {i + CyclesPerSample} was not let go.");
            }

            samples.Add(Sample.Take());
        }

        Assert.Single(catalog.Plugins);
        Assert.Empty(catalog.Backends);
        string all = string.Join('\n', samples);
        AssertFlat("managed bytes", samples.Select(sample => sample.HeapBytes), all);
        AssertFlat("load contexts", samples.Select(sample => sample.Contexts), all);
        if (OperatingSystem.IsLinux())
        {
            AssertFlat("mapped ranges", samples.Select(sample => sample.Maps), all);
            AssertFlat("resident pages", samples.Select(sample => sample.ResidentPages), all);
        }
    }

    // What each cycle left behind would be more at the end than after the warm-up: the least of the last samples against the most of the first.
    private static void AssertFlat(string what, IEnumerable<long> values, string samples)
    {
        long[] warm = [.. values.Skip(WarmUpSamples)];
        long before = warm[..(warm.Length / 2)].Max();
        long after = warm[(warm.Length / 2)..].Min();
        Assert.True(after <= before, $"The {what} grow: at most {before}, later at least {after}.\n{samples}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PluginUnload Cycle(BackendCatalog catalog)
    {
        Assert.Null(catalog.LoadFile(TestPluginFiles.PathOf("Good")).Reason);
        var storage = new SimulatedStorage();
        storage.Write(0, new byte[512]);
        using (catalog.Lease(catalog.Get("good")))
        using (IDiskImage image = catalog.Get("good").Open(storage, new ImageOpenOptions()))
        {
            Assert.Equal(WriteResult.Done(3), image.Write(0, "abc"u8));
        }

        return catalog.Unload("Good");
    }

    private sealed record Sample(long HeapBytes, long Contexts, long Maps, long ResidentPages)
    {
        public static Sample Take()
        {
            // Gives back what it keeps free as well: else the tests before, and when it is collected, show in what is resident.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return new Sample(
                GC.GetTotalMemory(forceFullCollection: true),
                AssemblyLoadContext.All.Count(),
                OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/maps").Count() : 0,
                OperatingSystem.IsLinux() ? long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) : 0);
        }
    }
}
