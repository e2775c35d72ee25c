using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Faults;

/// <summary>Copying where the file system can let two files share blocks, as ours here cannot.</summary>
public sealed class SharedBlocksTests
{
    private const int Size = 3 << 20;

    [Theory]
    [InlineData("All", null)]
    [InlineData("Half", null)]
    [InlineData("Nothing", null)]
    [InlineData("Error", ImageErrorKind.Io)]
    [InlineData("NoRoom", ImageErrorKind.OutOfSpace)]
    public async Task Copy_BetweenStoragesThatShareBlocks_IsTheSame_OrFailsWithTheCause(string way, ImageErrorKind? expected)
    {
        byte[] content = CopyBench.Content(Size, 11);
        var from = new SharingStorage(new SimulatedFile("source", content: content).Open(readOnly: true), Enum.Parse<SharingStorage.Way>(way));
        var file = new SimulatedFile("target");
        using (SimulatedStorage storage = file.Open())
        {
            storage.SetLength(Size);
        }

        var into = new SharingStorage(file.Open(), SharingStorage.Way.All);
        await using VirtualDisk source = Compose(from, readOnly: true);
        await using VirtualDisk target = Compose(into, readOnly: false);
        var copier = new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 };

        ImageException? failure = await Record.ExceptionAsync(async () => await copier.RunAsync(TestContext.Current.CancellationToken)) as ImageException;

        Assert.Equal(expected, failure?.Kind);
        // Each worker may have asked before the first was refused.
        Assert.True(way == "All" ? from.Calls > copier.Workers : from.Calls >= 1 && from.Calls <= copier.Workers, $"{from.Calls} calls");
        if (expected is null)
        {
            await target.FlushAsync(TestContext.Current.CancellationToken);
            Assert.True(content.AsSpan().SequenceEqual(file.ReadBytes(0, Size)));
        }
    }

    private static VirtualDisk Compose(SharingStorage storage, bool readOnly)
    {
        IDiskImage image = new RawBackend().Open(storage, new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });
        var generation = new Generation([new Level { Image = image, Path = storage.Name, FormatId = "raw", Storage = storage }]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions { ReadOnly = readOnly }, host: null, number: 0, NullLogger.Instance);
    }
}
