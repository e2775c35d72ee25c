namespace QedVd.Host.Tests.Chains;

public sealed class DiskStreamEdgeTests
{
    private const int Block = 4096;

    [Fact]
    public void Write_ThatEndsBeyondTheDisk_WritesNothing_AndNamesBothEnds()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        using Stream stream = disk.AsStream();
        stream.Position = (2 * Block) - 3;

        IOException refusal = Assert.Throws<IOException>(() => stream.Write([1, 2, 3, 4]));

        Assert.Equal("top: 4 bytes at 8189 end beyond the disk of 8192 bytes, which a stream does not grow.", refusal.Message);
        Assert.Equal((2 * Block) - 3, stream.Position);
        Assert.Equal(-1, TestDisks.ReadAll(disk).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public async Task WritingNothing_IsFine_BeyondTheEndToo()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        await using Stream stream = disk.AsStream();
        stream.Position = 1 << 20;

        stream.Write([]);
        await stream.WriteAsync(ReadOnlyMemory<byte>.Empty, TestContext.Current.CancellationToken);

        Assert.Equal(1 << 20, stream.Position);
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1], TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public void Write_IntoADiskThatIsOnlyRead_IsRefusedByName()
    {
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, new BlockImage("top", 2 * Block, Block));
        using Stream stream = disk.AsStream();

        Assert.Equal("top: the disk is open for reading only.", Assert.Throws<NotSupportedException>(() => stream.Write([])).Message);
        Assert.Equal("A disk's length is not changed through a stream.", Assert.Throws<NotSupportedException>(() => stream.SetLength(5)).Message);
    }

    [Fact]
    public void Position_IsNeverBeforeTheStart()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        using Stream stream = disk.AsStream();
        Assert.Equal(7, stream.Seek(7, SeekOrigin.Begin));

        Assert.Equal("Position -1 lies before the start of the disk.", Assert.Throws<IOException>(() => stream.Seek(-8, SeekOrigin.Current)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Position = -1);
        Assert.Throws<OverflowException>(() => stream.Seek(long.MaxValue, SeekOrigin.Current));
        Assert.Equal(7, stream.Position);
        Assert.Equal(0, stream.Seek(-7, SeekOrigin.Current));
        Assert.Equal(0, stream.Seek(-2 * Block, SeekOrigin.End));
    }

    [Fact]
    public void DisposedStream_DoesNothingAnyMore()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        Stream stream = disk.AsStream();
        Assert.True(stream.CanRead && stream.CanSeek && stream.CanWrite);
        Assert.Equal(2 * Block, stream.Length);

        stream.Dispose();

        Assert.False(stream.CanRead || stream.CanSeek || stream.CanWrite);
        Assert.Throws<ObjectDisposedException>(() => stream.Length);
        Assert.Throws<ObjectDisposedException>(() => stream.Position);
        Assert.Throws<ObjectDisposedException>(() => stream.Position = 0);
        Assert.Throws<ObjectDisposedException>(() => stream.Write([1]));
    }

#pragma warning disable CA1835 // The forms with arrays are what is looked at.
    [Fact]
    public async Task ArraysThatAreTooShort_AreRefused_InEveryForm()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 2 * Block, Block));
        await using Stream stream = disk.AsStream();
        byte[] bytes = new byte[4];
        CancellationToken stop = TestContext.Current.CancellationToken;

        Assert.Throws<ArgumentNullException>(() => stream.Read(null!, 0, 0));
        Assert.Throws<ArgumentNullException>(() => stream.Write(null!, 0, 0));
        await Assert.ThrowsAsync<ArgumentNullException>(() => stream.ReadAsync(null!, 0, 0, stop));
        await Assert.ThrowsAsync<ArgumentNullException>(() => stream.WriteAsync(null!, 0, 0, stop));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Write(bytes, 3, 2));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => stream.ReadAsync(bytes, 3, 2, stop));
    }
#pragma warning restore CA1835
}
