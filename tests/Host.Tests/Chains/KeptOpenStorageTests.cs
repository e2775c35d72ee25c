using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Chains;

public sealed class KeptOpenStorageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What an image asks of it is what the storage beneath does, one buffer or several, now or later; and that one stays open.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EverythingReachesTheStorageBeneath_ButTheEnd(bool isAsync)
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        int barriers = 0;
        using var file = FileStorage.Open(NewFile("file"), new FileStorageOptions { BarrierSeam = () => barriers++ });
        using var other = FileStorage.Open(NewFile("other"), new FileStorageOptions());
        other.SetLength(64 << 10);
        var kept = new KeptOpenStorage(file);
        byte[] first = [1, 2, 3], second = [4, 5], readFirst = new byte[2], readSecond = new byte[3];
        kept.AdviseSequential();
        if (isAsync)
        {
            await kept.SetLengthAsync(64 << 10, stop);
            await kept.AllocateAsync(0, 8192, stop);
            await kept.WriteAsync(4096, [first, second], stop);
            await kept.BarrierAsync(stop);
            Assert.Equal(5, await kept.ReadAsync(4096, [readFirst, readSecond], stop));
        }
        else
        {
            kept.SetLength(64 << 10);
            kept.Allocate(0, 8192);
            kept.Write(4096, [first, second]);
            kept.Barrier();
            Assert.Equal(5, kept.Read(4096, [readFirst, readSecond]));
        }

        Assert.Equal([1, 2, 3, 4, 5], readFirst.Concat(readSecond));
        Assert.Equal(1, barriers);
        Assert.Equal((file.Identity, file.Name, file.Facts, file.IsReadOnly), (kept.Identity, kept.Name, kept.Facts, kept.IsReadOnly));
        Assert.Equal(file.CopyRange(4096, other, 0, 4096), kept.CopyRange(4096, other, 0, 4096));
        if (isAsync)
        {
            await kept.PunchHoleAsync(4096, 4096, stop);
            await kept.DisposeAsync();
        }
        else
        {
            kept.PunchHole(4096, 4096);
            kept.Dispose();
        }

        file.Read(4096, readFirst);
        Assert.Equal([0, 0], readFirst);
        Assert.Equal((file.GetAllocatedBytes(), file.GetExtent(4096)), (kept.GetAllocatedBytes(), kept.GetExtent(4096)));
    }

    private string NewFile(string name)
    {
        File.WriteAllBytes(_folder[name], []);
        return _folder[name];
    }
}
