using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>What the host adds to a request: no allocation. The image under it allocates nothing either.</summary>
public sealed class RequestCostTests
{
    private const int Block = 4096;
    private const int Requests = 2000;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    public void Read_AllocatesNothing(int overlays)
    {
        using VirtualDisk disk = DiskOver(overlays, topHoldsData: false);
        byte[] buffer = new byte[2 * Block];

        Assert.Equal(0, AllocatedBy(() => disk.Read(100, buffer)));
        Assert.Equal(0, AllocatedBy(() => TakeInline(disk.ReadAsync(100, buffer))));
        Assert.Equal(0, AllocatedBy(() => disk.Read(0, new Span<byte>(buffer, 0, 512))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    public void WriteInPlace_AllocatesNothing(int overlays)
    {
        using VirtualDisk disk = DiskOver(overlays, topHoldsData: true);
        byte[] buffer = new byte[2 * Block];

        Assert.Equal(0, AllocatedBy(() => disk.Write(100, buffer)));
        Assert.Equal(0, AllocatedBy(() => TakeInline(disk.WriteAsync(100, buffer))));
    }

    private static VirtualDisk DiskOver(int overlays, bool topHoldsData)
    {
        List<IDiskImage> images = [];
        for (int i = 0; i < overlays; i++)
        {
            images.Add(topHoldsData && i == 0 ? TestDisks.Filled("top", 8 * Block, Block, 3) : new BlockImage($"overlay {i}", 8 * Block, Block));
        }

        images.Add(TestDisks.Filled("base", 8 * Block, Block, 7));
        return TestDisks.Compose(images);
    }

    private static void TakeInline(ValueTask task)
    {
        Assert.True(task.IsCompletedSuccessfully);
        task.GetAwaiter().GetResult();
    }

    private static long AllocatedBy(Action request) => Allocations.LeastOf(Requests, _ => request());
}
