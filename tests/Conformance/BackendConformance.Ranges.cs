using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Sizes, limits, and requests that are out of range.</content>
public abstract partial class BackendConformance
{
    [Fact]
    public void Limits_AndRegions_AreSensible()
    {
        using IDiskImage image = Open(NewFile());
        ImageLimits limits = image.Limits;
        Assert.True(limits is { AlignmentBytes: >= 1, BlockBytes: >= 1, BestIoBytes: >= 1 }, limits.ToString());
        Assert.True(limits.BlockBytes == 1 || limits.BlockBytes % limits.AlignmentBytes == 0, limits.ToString());
        Assert.Equal(0, image.VirtualSizeBytes % limits.AlignmentBytes);

        long next = 0;
        foreach (ImageRegion region in image.Regions)
        {
            Assert.Equal(next, region.OffsetBytes);
            Assert.True(region.LengthBytes >= 0 && region.BlockBytes > 0);
            next += region.LengthBytes;
        }

        Assert.Equal(image.VirtualSizeBytes, next);
    }

    [Fact]
    public void FileSize_IsWhatTheStorageHas()
    {
        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        ImageFileSize size = image.GetFileSize();
        Assert.Equal(file.LengthBytes, size.LengthBytes);
        Assert.InRange(size.AllocatedBytes, 0, Math.Max(size.LengthBytes, 4096) + 4095);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_OutsideTheDisk_Throws_AndChangesNothing(bool isAsync)
    {
        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        var io = new ImageIo(isAsync);
        string hash = file.ComputeHash();
        long size = image.VirtualSizeBytes;
        long unit = Units(image, 1);
        long block = Math.Max(image.Limits.BlockBytes, image.Limits.AlignmentBytes);
        byte[] buffer = new byte[2 * unit];
        foreach (long offset in new[] { -unit, size - unit, size, size + unit, size + (4 * block), long.MaxValue - (long.MaxValue % block) - block, long.MinValue })
        {
            await ThrowsAsync(async () => await io.ReadAsync(image, offset, buffer));
            await ThrowsAsync(async () => await io.MapAsync(image, offset, buffer.Length));
        }

        await ThrowsAsync(async () => await io.MapAsync(image, 0, -1));
        if (!CanWrite)
        {
            return;
        }

        long beyond = (((size + block - 1) / block) + 1) * block;
        foreach (long offset in new[] { -unit, beyond, size + (4 * block), long.MaxValue - (long.MaxValue % block) - block, long.MinValue })
        {
            await ThrowsAsync(async () => await io.WriteAsync(image, offset, buffer));
            await ThrowsAsync(async () => await io.WriteZeroesAsync(image, offset, buffer.Length));
            await ThrowsAsync(async () => await io.DiscardAsync(image, offset, buffer.Length));
        }

        await ThrowsAsync(async () => await io.WriteZeroesAsync(image, 0, beyond + block));
        await ThrowsAsync(async () => await io.WriteZeroesAsync(image, unit, long.MaxValue));
        await ThrowsAsync(async () => await io.DiscardAsync(image, 0, -1));
        Assert.Equal(hash, file.ComputeHash());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_ThatIsNotAligned_Throws(bool isAsync)
    {
        using IDiskImage image = Open(NewFile());
        var io = new ImageIo(isAsync);
        int alignment = image.Limits.AlignmentBytes;
        if (alignment == 1)
        {
            // Then every offset must do.
            Assert.True((await io.ReadAsync(image, 1, new byte[3])).Length >= 1);
            return;
        }

        await ThrowsAsync(async () => await io.ReadAsync(image, 1, new byte[alignment]));
        await ThrowsAsync(async () => await io.ReadAsync(image, 0, new byte[alignment + 1]));
        if (CanWrite)
        {
            await ThrowsAsync(async () => await io.WriteAsync(image, 1, new byte[alignment]));
            await ThrowsAsync(async () => await io.WriteZeroesAsync(image, 0, alignment - 1));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_OfNoBytes_IsHandled_AnywhereUpToTheEnd(bool isAsync)
    {
        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        var io = new ImageIo(isAsync);
        string hash = file.ComputeHash();
        foreach (long offset in new[] { 0, Units(image, 1), image.VirtualSizeBytes })
        {
            Assert.Equal(0, (await io.ReadAsync(image, offset, Memory<byte>.Empty)).Length);
            if (CanWrite)
            {
                Assert.Equal(WriteResult.Done(0), await io.WriteAsync(image, offset, ReadOnlyMemory<byte>.Empty));
                Assert.Equal(WriteResult.Done(0), await io.WriteZeroesAsync(image, offset, 0));
                Assert.Equal(WriteResult.Done(0), await io.DiscardAsync(image, offset, 0));
            }
        }

        Assert.Equal(hash, file.ComputeHash());
    }

    private static async Task ThrowsAsync(Func<Task> request) => await Assert.ThrowsAsync<ArgumentOutOfRangeException>(request);
}
