namespace QedVd.Host.Tests.Chains;

public sealed class DiskStreamTests
{
    private const int Block = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadAndWrite_MoveThePosition_AndEndAtTheDisksEnd(bool isAsync)
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        using Stream stream = disk.AsStream();
        byte[] data = [1, 2, 3, 4];

        Assert.Equal((2 * Block) - 3, stream.Seek(-3, SeekOrigin.End));
        if (isAsync)
        {
            await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(data, 0, 4, TestContext.Current.CancellationToken));
            await stream.WriteAsync(data.AsMemory(0, 3), TestContext.Current.CancellationToken);
        }
        else
        {
            Assert.Throws<IOException>(() => stream.Write(data, 0, 4));
            stream.Write(data, 0, 3);
        }

        Assert.Equal(2 * Block, stream.Position);
        stream.Position -= 3;
        byte[] read = new byte[10];
        Assert.Equal(3, isAsync ? await stream.ReadAsync(read, TestContext.Current.CancellationToken) : stream.Read(read));
        Assert.Equal<byte>([1, 2, 3, 0], read[..4]);
        Assert.Equal(0, isAsync ? await stream.ReadAsync(read, TestContext.Current.CancellationToken) : stream.Read(read));
        stream.Position = 1 << 20;
        Assert.Equal(0, stream.Read(read));
        Assert.Throws<IOException>(() => stream.Seek(-1, SeekOrigin.Begin));
        Assert.Throws<NotSupportedException>(() => stream.SetLength(1));
    }

    [Fact]
    public void Stream_OfAReadOnlyDisk_CannotWrite()
    {
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, new BlockImage("top", 2 * Block, Block));
        using Stream stream = disk.AsStream();

        Assert.False(stream.CanWrite);
        Assert.True(stream.CanRead && stream.CanSeek);
        Assert.Throws<NotSupportedException>(() => stream.Write([1]));
    }

    [Fact]
    public void Dispose_LeavesTheDiskOpen()
    {
        BlockImage image = new("top", 2 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        Stream stream = disk.AsStream();
        stream.Dispose();

        Assert.False(image.IsClosed);
        Assert.False(stream.CanRead);
        Assert.Throws<ObjectDisposedException>(() => stream.Read(new byte[1]));
        disk.Read(0, new byte[1]);
    }

#pragma warning disable CA1835 // The forms with arrays are what is looked at.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ArraysAndFlush_ReachTheDisk(bool isAsync)
    {
        var counting = new FlushCounter(new BlockImage("top", 2 * Block, Block));
        using VirtualDisk disk = TestDisks.Compose(counting);
        Stream stream = disk.AsStream();
        CancellationToken stop = TestContext.Current.CancellationToken;
        byte[] data = [9, 1, 2, 3, 9];
        stream.Position = 100;
        if (isAsync)
        {
            await stream.WriteAsync(data, 1, 3, stop);
            await stream.WriteAsync(ReadOnlyMemory<byte>.Empty, stop);
            await stream.FlushAsync(stop);
        }
        else
        {
            stream.Write(data, 1, 3);
            stream.Flush();
        }

        Assert.Equal((1, 103), (counting.Flushes, stream.Position));
        Assert.Equal(101, stream.Seek(-2, SeekOrigin.Current));
        byte[] read = new byte[5];
        Assert.Equal(2, isAsync ? await stream.ReadAsync(read, 2, 2, stop) : stream.Read(read, 2, 2));
        Assert.Equal<byte>([0, 0, 2, 3, 0], read);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Seek(0, (SeekOrigin)3));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Read(read, 4, 2));

        await stream.DisposeAsync();
        Assert.False(stream.CanWrite);
        Assert.Throws<ObjectDisposedException>(stream.Flush);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.FlushAsync(stop));
        Assert.Equal(1, counting.Flushes);
    }
#pragma warning restore CA1835

    [Fact]
    public void CopyTo_CopiesTheWholeDisk()
    {
        using VirtualDisk disk = TestDisks.Compose(TestDisks.Filled("top", 5 * Block, Block, 7));
        using var copy = new MemoryStream();
        using Stream stream = disk.AsStream();
        stream.CopyTo(copy);

        Assert.Equal(TestDisks.ReadAll(disk), copy.ToArray());
    }

    private sealed class FlushCounter(IDiskImage inner) : DelegatingImage(inner)
    {
        public int Flushes { get; private set; }

        protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        {
            Flushes++;
            return base.FlushCore<TIo>(cancellationToken);
        }
    }
}
