using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.Images;

public sealed class ContractTypesTests
{
    [Fact]
    public void Beneath_UnlessTold_MayHoldAnything()
    {
        Assert.Equal(Beneath.Unknown, default);
        Assert.True(Beneath.Unknown.MayHoldDataAt(long.MaxValue));
        Assert.False(Beneath.Nothing.MayHoldDataAt(0));
    }

    [Fact]
    public void Beneath_UpTo_EndsAtItsLength()
    {
        Assert.True(Beneath.UpTo(10).MayHoldDataAt(9));
        Assert.False(Beneath.UpTo(10).MayHoldDataAt(10));
        Assert.False(Beneath.UpTo(0).MayHoldDataAt(0));
        Assert.NotEqual(Beneath.Nothing, Beneath.UpTo(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Beneath.UpTo(-1));
    }

    [Fact]
    public void ImageException_NotSupported_NamesFileAndOperation()
    {
        var exception = ImageException.NotSupported("compacting", "a.img");
        Assert.Equal((ImageErrorKind.NotSupported, "a.img", "compacting"), (exception.Kind, exception.Path, exception.Operation));
        Assert.Contains("a.img", exception.Message, StringComparison.Ordinal);
        Assert.Contains("compacting", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ImageErrorKind.OutOfSpace, true)]
    [InlineData(ImageErrorKind.InUse, true)]
    [InlineData(ImageErrorKind.Io, false)]
    [InlineData(ImageErrorKind.Fenced, false)]
    public void ImageException_SaysWhetherTryingAgainMayHelp(ImageErrorKind kind, bool isRetryable) =>
        Assert.Equal(isRetryable, new ImageException(kind, "message").IsRetryable);

    [Fact]
    public void ParentReference_KeepsBytesThatAreNoText()
    {
        byte[] name = [0x66, 0xFF, 0x00];
        var reference = new ParentReference(name);
        name[0] = 0;
        Assert.Equal([0x66, 0xFF, 0x00], reference.NameBytes.ToArray());
        Assert.False(reference.IsRaw);
        Assert.True(new ParentReference("base", ParentReference.Raw).IsRaw);
    }

    [Fact]
    public unsafe void IoBuffer_ServesManagedAndPinnedMemory()
    {
        byte[] bytes = [1, 2, 3, 4];
        var managed = new IoBuffer(bytes.AsMemory());
        Assert.Equal([2, 3], managed.Slice(1, 2).Span.ToArray());
        Assert.Equal(4, managed.Memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => managed.Slice(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => managed.Slice(-1, 2));
        fixed (byte* pointer = bytes)
        {
            var pinned = new IoBuffer(pointer, 4);
            pinned.Slice(2, 2).Span[0] = 9;
            Assert.Throws<InvalidOperationException>(() => pinned.Memory);
            int refused = 0;
            try
            {
                pinned.Slice(4, 1);
            }
            catch (ArgumentOutOfRangeException)
            {
                refused++;
            }

            Assert.Equal(1, refused);
        }

        Assert.Equal(9, bytes[2]);
        Assert.Equal(0, default(IoBuffer).Span.Length);
    }

    [Fact]
    public void SyncIo_Complete_ThrowsWhatTheAlgorithmThrew()
    {
        Assert.Throws<ImageException>(() => { SyncIo.Complete(ValueTask.FromException<int>(new ImageException(ImageErrorKind.Io, "m"))); });
        Assert.Equal(3, SyncIo.Complete(new ValueTask<int>(3)));
    }

    [Fact]
    public void SyncIo_Block_HonoursCancellation()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => SyncIo.Block(new TaskCompletionSource().Task, cancelled.Token));
        SyncIo.Block(Task.CompletedTask, cancelled.Token);
    }

    [Fact]
    public async Task StorageDefaults_ScatterAllocateAndExtent_DoWhatTheySay()
    {
        IImageStorage storage = new PlainStorage();
        storage.Write(3, [new byte[] { 1, 2 }, new byte[] { 3 }]);
        await storage.WriteAsync(6, [new byte[] { 4 }, new byte[] { 5, 6 }], TestContext.Current.CancellationToken);
        byte[] a = new byte[4];
        byte[] b = new byte[9];
        Assert.Equal(7, storage.Read(2, [a, b]));
        Assert.Equal([0, 1, 2, 3], a);
        Assert.Equal([4, 5, 6], b[..3]);
        Assert.Equal(7, await storage.ReadAsync(2, [a, b], TestContext.Current.CancellationToken));

        storage.Allocate(9, 200_000);
        await storage.AllocateAsync(200_009, 70_000, TestContext.Current.CancellationToken);
        Assert.Equal(270_009, storage.GetLength());
        Assert.Equal(new StorageExtent(270_008, IsHole: false), storage.GetExtent(1));
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => storage.PunchHole(0, 1)).Kind);
        Assert.Equal(0, storage.CopyRange(0, storage, 10, 5));
    }

    // Only what has no default.
    private sealed class PlainStorage : IImageStorage
    {
        private readonly SparseBytes _bytes = new();

        public string Name => "plain";

        public StorageFacts Facts => StorageFacts.None;

        public StorageIdentity Identity => default;

        public bool IsReadOnly => false;

        public long GetLength() => _bytes.LengthBytes;

        public int Read(long offset, Span<byte> buffer) => _bytes.Read(offset, buffer);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(offset, buffer.Span));

        public void Write(long offset, ReadOnlySpan<byte> buffer) => _bytes.Write(offset, buffer);

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(offset, buffer.Span);
            return default;
        }

        public void SetLength(long lengthBytes) => _bytes.SetLength(lengthBytes);

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void Barrier()
        {
        }

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => default;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
