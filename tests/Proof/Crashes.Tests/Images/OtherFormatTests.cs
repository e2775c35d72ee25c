using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>The explorer on a format without tables, and what creating an image leaves.</summary>
public sealed class OtherFormatTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(ConsistencyMode.Ordered)]
    [InlineData(ConsistencyMode.WriteThrough)]
    public void Raw_KeepsWhatWasFlushed(ConsistencyMode mode)
    {
        CrashSubject subject = new() { Backend = new RawBackend(), CreateOptions = new ImageCreateOptions { VirtualSizeBytes = 256 << 10 }, Mode = mode };
        CrashRecording recording = CrashRecording.Record(subject, [new(GuestOperationKind.Write, 0, 8192)],
        [
            new(GuestOperationKind.Write, 4096, 8192), new(GuestOperationKind.Flush), new(GuestOperationKind.Zero, 512, 4096), new(GuestOperationKind.Write, 1024, 512),
            new(GuestOperationKind.Resize, 300 << 10), new(GuestOperationKind.Write, 290 << 10, 1024, WriteFlags.ForceUnitAccess), new(GuestOperationKind.Discard, 0, 65536),
            new(GuestOperationKind.Reopen), new(GuestOperationKind.Write, 0, 512),
        ]);
        CrashExploration result = CrashExplorer.Explore(recording, new CrashExplorerOptions { MostStates = 800 });

        output.WriteLine($"{result}");
        Assert.True(result.Violations.Count == 0, $"{result.Violations.Select(violation => violation.ToString()).FirstOrDefault()}\n{recording.Describe()}");
        Assert.True(result.States > 50);
    }

    [Theory]
    [InlineData(4096, 1, SimulatedFile.GoodFacts)]
    [InlineData(4096, 4, SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero)]
    [InlineData(65536, 2, SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero)]
    public void CreatedImage_IsThere_OnceItsCreationHasReturned(int clusterBytes, int tableClusters, StorageFacts facts)
    {
        SimulatedFile file = new("image", facts);
        QedLayout layout = new(clusterBytes, tableClusters);
        using (SimulatedStorage storage = file.Open())
        {
            new QedBackend().Create(storage, new ImageCreateOptions
            {
                VirtualSizeBytes = layout.SizeBytes,
                Parent = new ParentReference(QedLetter.NameOf(2)),
                FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = $"{tableClusters}", ["qemu_compat"] = "off" },
            });
        }

        CrashState state = Assert.Single(CrashStates.OfPowerLoss(file, file.Trace.Count));
        using SecondReading reading = new(state.File);
        Assert.Empty(reading.Errors);
        Assert.Equal(layout.SizeBytes, reading.VirtualSizeBytes);
        using IDiskImage image = new QedBackend().Open(state.File.Open(), new ImageOpenOptions());
        Assert.Equal(QedLetter.NameOf(2), image.Parent!.Name);
    }
}
