using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;
using QedVd.Host.Tests.Storage;
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

    /// <summary>Real files, the kernel's own call, and the 1st, the 2nd, the 3rd ... of them goes wrong, once or for good: until none does.</summary>
    [Theory]
    [InlineData("Half", null, false)]
    [InlineData("Half", null, true)]
    [InlineData("Nothing", null, false)]
    [InlineData("Nothing", null, true)]
    [InlineData("Error", ImageErrorKind.Io, false)]
    [InlineData("Error", ImageErrorKind.Io, true)]
    [InlineData("NoRoom", ImageErrorKind.OutOfSpace, false)]
    [InlineData("NoRoom", ImageErrorKind.OutOfSpace, true)]
    public async Task Copy_WhoseNthCallForSharingGoesWrong_IsTheSame_OrFailsWithTheCause_AndCanBeTriedAgain(string way, ImageErrorKind? expected, bool isSticky)
    {
        using var folder = new TempFolder();
        byte[] content = NoZeros(Size);
        File.WriteAllBytes(folder["source"], content);
        int struck = 0;
        while (true)
        {
            File.Delete(folder["target"]);
            folder.Create("target", Size);
            (ImageException? failure, SharingStorage from) = await CopyAsync(folder, Enum.Parse<SharingStorage.Way>(way), struck + 1, isSticky);
            bool hasStruck = from.Calls > struck;
            Assert.Equal(hasStruck ? expected : null, failure?.Kind);
            if (failure is not null)
            {
                Assert.Contains(folder["source"], failure.Message, StringComparison.Ordinal);
                (failure, _) = await CopyAsync(folder, SharingStorage.Way.All, 1, isSticky: true);
                Assert.Null(failure);
            }

            Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(folder["target"])), $"{way} {struck + 1}: another content");
            Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(folder["source"])), $"{way} {struck + 1}: the source is changed");
            if (!hasStruck)
            {
                Assert.True(from.BytesInKernel == Size, $"the kernel was to copy all, and copied {from.BytesInKernel} bytes");
                break;
            }

            struck++;
        }

        Assert.InRange(struck, 2, int.MaxValue);
    }

    private static async Task<(ImageException? Failure, SharingStorage From)> CopyAsync(TempFolder folder, SharingStorage.Way way, int nth, bool isSticky)
    {
        var from = new SharingStorage(FileStorage.Open(folder["source"], new FileStorageOptions { ReadOnly = true }), way, nth, isSticky);
        var into = new SharingStorage(FileStorage.Open(folder["target"]), SharingStorage.Way.All);
        await using VirtualDisk source = Compose(from, readOnly: true);
        await using VirtualDisk target = Compose(into, readOnly: false);
        var copier = new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 };
        var failure = await Record.ExceptionAsync(async () => await copier.RunAsync(TestContext.Current.CancellationToken)) as ImageException;
        if (failure is null)
        {
            await target.FlushAsync(TestContext.Current.CancellationToken);
        }

        return (failure, from);
    }

    /// <summary>No zeros, which nobody copies.</summary>
    private static byte[] NoZeros(int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        new Random(11).NextBytes(content);
        return content;
    }

    private static VirtualDisk Compose(SharingStorage storage, bool readOnly)
    {
        IDiskImage image = new RawBackend().Open(storage, new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });
        var generation = new Generation([new Level { Image = image, Path = storage.Name, FormatId = "raw", Storage = storage }]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions { ReadOnly = readOnly }, host: null, number: 0, NullLogger.Instance);
    }
}
