using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>What a flush promises. The states that a power loss may leave come from <see cref="CrashStates"/>.</content>
public abstract partial class BackendConformance
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task FlushedData_SurvivesAPowerLoss(bool isAsync, bool byForceUnitAccess)
    {
        if (!CanWrite || Mode == ConsistencyMode.Unsafe)
        {
            return;
        }

        SimulatedFile file = NewFile();
        byte[] expected;
        using IDiskImage image = Open(file);
        expected = new byte[image.VirtualSizeBytes];
        ReferenceDisk disk = Disk(image, isAsync);
        WriteFlags flags = byForceUnitAccess ? WriteFlags.ForceUnitAccess : WriteFlags.None;
        long unit = Units(image, 1);
        long block = Math.Max(image.Limits.BlockBytes, 8 * unit);
        (long Offset, long Length)[] writes = [(unit, unit), (block - unit, 2 * unit), (3 * block, block), (image.VirtualSizeBytes - unit, unit)];
        foreach ((long offset, long length) in writes)
        {
            if (offset + length > image.VirtualSizeBytes)
            {
                continue;
            }

            byte[] data = Pattern((int)(offset / unit), length);
            await disk.WriteAsync(offset, data, flags);
            data.CopyTo(expected, offset);
            await FlushUnlessAsync(byForceUnitAccess);
            await AssertEveryStateReadsAsync(file, expected, $"after {length} bytes at {offset}");

            await disk.WriteZeroesAsync(offset, unit, flags);
            expected.AsSpan((int)offset, (int)unit).Clear();
            await FlushUnlessAsync(byForceUnitAccess);
            await AssertEveryStateReadsAsync(file, expected, $"after {unit} bytes of zeros at {offset}");
        }

        async ValueTask FlushUnlessAsync(bool isDurable)
        {
            if (!isDurable)
            {
                await new ImageIo(isAsync).FlushAsync(image);
            }
        }
    }

    [Fact]
    public async Task Flush_ThatFailsForALackOfRoom_CanBeTriedAgain()
    {
        if (!CanWrite || Mode == ConsistencyMode.Unsafe)
        {
            return;
        }

        for (int nth = 1; nth <= 6; nth++)
        {
            SimulatedFile file = NewFile();
            using IDiskImage image = Open(file);
            byte[] data = Pattern(1, Units(image, 4));
            await Disk(image).WriteAsync(0, data);
            file.Fail(StorageOperationKind.Write, nth, ImageErrorKind.OutOfSpace);
            try
            {
                image.Flush();
            }
            catch (ImageException failure)
            {
                Assert.Equal(ImageErrorKind.OutOfSpace, failure.Kind);
                AssertSame(data, await Disk(image).ReadAsync(0, data.Length), "what was acknowledged is not taken back");
            }

            file.ClearFaults();
            image.Flush();
            byte[] expected = new byte[image.VirtualSizeBytes];
            data.CopyTo(expected, 0);
            await AssertEveryStateReadsAsync(file, expected, $"flush again, write {nth}");
        }
    }

    [Fact]
    public async Task Barrier_ThatFails_EndsWriting_AndReadingGoesOn()
    {
        if (!CanWrite || Mode == ConsistencyMode.Unsafe)
        {
            return;
        }

        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        byte[] data = Pattern(1, Units(image, 4));
        await Disk(image).WriteAsync(0, data);

        // All of them: one that the image began by itself may be under way, and fail only after the flush has had its own.
        file.Fail(StorageOperationKind.Barrier, isSticky: true);
        await RefusalAsync(() => image.FlushAsync());
        Assert.Equal(ImageErrorKind.Fenced, (await RefusalAsync(() => image.FlushAsync())).Kind);
        Assert.Equal(ImageErrorKind.Fenced, (await RefusalAsync(async () => await image.WriteAsync(0, data))).Kind);
        AssertSame(data, await Disk(image).ReadAsync(0, data.Length), "reading");
    }

    private async Task AssertEveryStateReadsAsync(SimulatedFile file, byte[] expected, string what)
    {
        var options = new PowerLossOptions { ExhaustiveUnits = 5, Samples = 8 };
        foreach (CrashState state in CrashStates.OfPowerLoss(file, file.Trace.Count, options).Take(40))
        {
            using IDiskImage left = Open(state.File);
            AssertSame(expected, await Disk(left).ReadAllAsync(), $"{what}, {state.Description}");
        }
    }
}
