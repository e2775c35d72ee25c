using QedVd.TestKit;

namespace QedVd.Host.Tests.Operations;

/// <summary>From the disk down to the file: no allocation per read and per write in place, in both forms.</summary>
public sealed class RealCostTests : IDisposable
{
    private const int Size = 4 << 20;
    private const int Requests = 1000;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    public async Task Requests_ThroughOverlays_AllocateNothing(int overlays)
    {
        string top = _test.Qed("base.qed", Size);
        using (VirtualDisk filled = _test.Host.OpenDisk(top))
        {
            filled.Write(0, Enumerable.Repeat((byte)7, Size).ToArray());
        }

        for (int i = 0; i < overlays; i++)
        {
            top = _test.Qed($"{i}.qed", Size, Path.GetFileName(top));
        }

        await using VirtualDisk disk = _test.Host.OpenDisk(top);
        byte[] buffer = new byte[4096];
        disk.Write(100 * 4096, buffer);
        disk.Flush();

        Assert.Equal(0, AllocatedBy(i => disk.Read(i * 4096L, buffer)));
        Assert.Equal(7, buffer[0]);
        Assert.Equal(0, AllocatedBy(i => TakeInline(disk.ReadAsync(i * 4096L, buffer))));
        Assert.Equal(0, AllocatedBy(_ => disk.Write(100 * 4096, buffer)));
        Assert.Equal(0, AllocatedBy(_ => TakeInline(disk.WriteAsync(100 * 4096, buffer))));
    }

    public void Dispose() => _test.Dispose();

    private static void TakeInline(ValueTask task)
    {
        // Where the file system cannot tell what is cached (tmpfs), an asynchronous read may go to the pool: its cost is the storage's.
        if (task.IsCompletedSuccessfully)
        {
            task.GetAwaiter().GetResult();
        }
        else
        {
            task.AsTask().GetAwaiter().GetResult();
        }
    }

    private static long AllocatedBy(Action<int> request) => Allocations.LeastOf(Requests, request);
}
