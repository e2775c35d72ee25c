using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>Requests that need no waiting complete inline and allocate nothing.</summary>
public sealed class AllocationTests : IDisposable
{
    private const int Rounds = 1000;

    // Where the test program lies there is a disk; the folder for temporary files may be memory, which cannot tell whether a read waits.
    private readonly TempFolder _folder = new(AppContext.BaseDirectory);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_And_Write_AllocateNothing(bool portable)
    {
        using var storage = FileStorage.Open(_folder.Create("file", 1 << 20), new FileStorageOptions { UsePortableForm = portable });
        byte[] buffer = new byte[4096];

        Assert.Equal(0, AllocatedBy(() => storage.Read(8192, buffer)));
        Assert.Equal(0, AllocatedBy(() => storage.Write(8192, buffer)));
        Assert.Equal(0, AllocatedBy(() => storage.GetLength()));
    }

    [Fact]
    public void Memory_AllocatesNothing()
    {
        using var storage = new MemoryStorage();
        byte[] buffer = new byte[10_000];
        storage.Write(0, buffer);

        Assert.Equal(0, AllocatedBy(() => storage.Read(100, buffer)));
        Assert.Equal(0, AllocatedBy(() => storage.Write(0, buffer)));
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public void ReadAsync_FromThePageCache_CompletesInline_AndAllocatesNothing(int lengthBytes)
    {
        using var storage = FileStorage.Open(_folder.Create("file", 2 << 20));
        byte[] buffer = new byte[lengthBytes];
        storage.Read(0, buffer);
        bool canTell = storage.File.TryReadCached(0, buffer, out _);

        int inline = 0;
        int requests = 0;
        long allocated = AllocatedBy(() =>
        {
            requests++;
            inline += CompletedInline(storage.ReadAsync(0, buffer)) ? 1 : 0;
        });

        // On a file system that cannot tell (then the pool reads) the allocations are those of this test.
        Assert.True(!canTell || inline == requests, $"{inline} of {requests} completed inline.");
        Assert.True(!canTell || allocated == 0, $"{allocated} bytes.");
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(FileStorage.InlineWriteBytes)]
    public void WriteAsync_UpTo64KiB_CompletesInline_AndAllocatesNothing(int lengthBytes)
    {
        using var storage = FileStorage.Open(_folder.Create("file", 1 << 20));
        byte[] buffer = new byte[lengthBytes];

        Assert.Equal(0, AllocatedBy(() => Assert.True(CompletedInline(storage.WriteAsync(4096, buffer)))));
    }

    [Fact]
    public async Task WriteAsync_Above64KiB_RunsOnThePool()
    {
        using var storage = FileStorage.Open(_folder.Create("file", 1 << 20));
        byte[] data = new byte[FileStorage.InlineWriteBytes + 1];
        new Random(1).NextBytes(data);

        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => storage.WriteAsync(i * (long)data.Length, data).AsTask()));

        byte[] back = new byte[data.Length];
        for (int i = 0; i < 64; i++)
        {
            Assert.Equal(back.Length, storage.Read(i * (long)data.Length, back));
            Assert.Equal(data, back);
        }
    }

    [Fact]
    public async Task ReadAsync_OfWhatIsNotCached_ReturnsItAll()
    {
        string path = _folder["file"];
        byte[] data = new byte[3 << 20];
        new Random(2).NextBytes(data);
        await File.WriteAllBytesAsync(path, data);
        using var storage = FileStorage.Open(path);
        storage.Barrier();
        byte[] back = new byte[data.Length + 10];

        // Some pages there, some not: the request is part inline, part on the pool.
        storage.File.DropCache();
        storage.Read(1 << 20, back.AsSpan(0, 8192));
        Array.Clear(back);
        Assert.Equal(data.Length, await storage.ReadAsync(0, back));

        Assert.Equal(data, back[..data.Length]);
    }

    private static bool CompletedInline(ValueTask<int> read)
    {
        if (read.IsCompletedSuccessfully)
        {
            return true;
        }

        SyncIo.Block(read.AsTask());
        return false;
    }

    private static bool CompletedInline(ValueTask write)
    {
        if (write.IsCompletedSuccessfully)
        {
            return true;
        }

        SyncIo.Block(write.AsTask());
        return false;
    }

    private static long AllocatedBy(Action action) => Allocations.LeastOf(Rounds, _ => action());
}
