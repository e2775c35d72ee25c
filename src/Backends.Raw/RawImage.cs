namespace QedVd.Backends.Raw;

/// <summary>
/// A raw image: disk offset and storage offset are the same. Its size is the storage's length, rounded up to a sector as QEMU does; the bytes
/// between read as zero, and the first write that reaches them makes the file that long. No other write changes the length.
/// </summary>
internal sealed partial class RawImage : DiskImageBase
{
    /// <summary>The largest disk: a signed 64-bit number of bytes in whole sectors.</summary>
    public const long LargestSizeBytes = long.MaxValue - (ImageRegion.SectorBytes - 1);

    private const int BestIoBytes = 128 << 10;

    private readonly RawBackend _backend;
    private readonly IImageStorage _storage;
    private readonly ConsistencyMode _mode;
    private ImageOpenFlags _openFlags;
    private long _lengthBytes;
    private bool _isDirty;

    public RawImage(RawBackend backend, IImageStorage storage, ImageOpenOptions options)
    {
        _backend = backend;
        _storage = storage;
        _mode = options.Mode;
        _openFlags = options.Flags;
        _lengthBytes = storage.GetLength();
        if (_lengthBytes > LargestSizeBytes)
        {
            throw new ImageException(ImageErrorKind.UnsupportedFeature, $"{Name}: {_lengthBytes} bytes are more than a disk can have ({LargestSizeBytes}).", Name, "open");
        }

        if (!IsReadOnly && storage.IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: the file is open for reading only. Open the image read-only too.", Name, "open");
        }

        if ((_openFlags & ImageOpenFlags.Sequential) != 0)
        {
            storage.AdviseSequential();
        }
    }

    public override BackendInfo Backend => _backend.Info;

    public override string Name => _storage.Name;

    public override string FormatVersion => "raw";

    public override ImageCapabilities Capabilities
    {
        get
        {
            const ImageCapabilities Writing = ImageCapabilities.Write | ImageCapabilities.WriteZeroes | ImageCapabilities.Discard | ImageCapabilities.Grow | ImageCapabilities.Shrink;
            ImageCapabilities able = _backend.Info.Capabilities;
            if (IsReadOnly)
            {
                able &= ~Writing;
            }

            if (!CanPunch)
            {
                able &= ~(ImageCapabilities.WriteZeroes | ImageCapabilities.Discard);
            }

            if ((OpenFlags & ImageOpenFlags.Discard) == 0)
            {
                able &= ~ImageCapabilities.Discard;
            }

            return (_storage.Facts & StorageFacts.CanSetLength) != 0 ? able : able & ~(ImageCapabilities.Grow | ImageCapabilities.Shrink);
        }
    }

    public override ImageFlags Flags
    {
        get
        {
            ImageFileSize size = GetFileSize();
            return size.LengthBytes > 0 && size.AllocatedBytes >= size.LengthBytes ? ImageFlags.Fixed : ImageFlags.None;
        }
    }

    public override ImageOpenFlags OpenFlags => _openFlags;

    public override long VirtualSizeBytes => RoundUp(Volatile.Read(ref _lengthBytes));

    public override ImageLimits Limits => new(AlignmentBytes: 1, BlockBytes: 1, BestIoBytes);

    public override FastZeroKinds FastZeroes => CanPunch && !IsReadOnly ? FastZeroKinds.DataBlocks | FastZeroKinds.PartsOfData : FastZeroKinds.None;

    public override IReadOnlyList<string> Warnings => (_lengthBytes % ImageRegion.SectorBytes, _storage.EarlierFence) switch
    {
        (0, null) => [],
        (_, null) => [OddLength],
        (0, { } fence) => [Undefined(fence)],
        (_, { } fence) => [OddLength, Undefined(fence)],
    };

    private bool CanPunch => (_storage.Facts & StorageFacts.CanPunchHoles) != 0;

    private string OddLength => $"{_lengthBytes} bytes are no whole number of sectors; the disk has {VirtualSizeBytes}";

    public static long RoundUp(long lengthBytes) => checked(lengthBytes + (ImageRegion.SectorBytes - 1)) / ImageRegion.SectorBytes * ImageRegion.SectorBytes;

    /// <summary>
    /// Sees to it that a part that was never written reads as zero after a crash too, where the storage does not state it by itself: by a hole,
    /// or by zeros where it has none.
    /// </summary>
    public static ValueTask MakeLastingZerosAsync<TIo>(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (lengthBytes <= 0 || (storage.Facts & StorageFacts.NeverWrittenReadsZero) != 0)
        {
            return default;
        }

        return (storage.Facts & StorageFacts.CanPunchHoles) != 0
            ? TIo.PunchHoleAsync(storage, offset, lengthBytes, cancellationToken)
            : TIo.AllocateAsync(storage, offset, lengthBytes, cancellationToken);
    }

    public override ImageFileSize GetFileSize() => new(_storage.GetLength(), _storage.GetAllocatedBytes());

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        long stored = Volatile.Read(ref _lengthBytes) - offset;
        extent = stored > 0
            ? new Extent(ExtentKind.Data, Math.Min(stored, lengthBytes), offset, IsAllocated: true)
            : new Extent(ExtentKind.Zero, lengthBytes);
        return true;
    }

    public override void Dump(TextWriter output)
    {
        base.Dump(output);
        ImageFileSize size = GetFileSize();
        output.WriteLine($"file of {size.LengthBytes} bytes, {size.AllocatedBytes} bytes in use, {_storage.Facts}");
        foreach (string warning in Warnings)
        {
            output.WriteLine(warning);
        }
    }

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        if (!TryMap(offset, lengthBytes, out Extent extent) || lengthBytes == 0)
        {
            return new ValueTask<Extent>(new Extent(ExtentKind.Zero, 0));
        }

        if (extent.Kind == ExtentKind.Data && (_storage.Facts & StorageFacts.CanMapHoles) != 0)
        {
            StorageExtent stored = _storage.GetExtent(offset);
            if (stored.LengthBytes > 0)
            {
                extent = extent with { Kind = stored.IsHole ? ExtentKind.Zero : ExtentKind.Data, LengthBytes = Math.Min(extent.LengthBytes, stored.LengthBytes) };
            }
        }

        return new ValueTask<Extent>(extent);
    }

    // Written without async on the way that completes inline: no state machine, no allocation.
    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        ValueTask<int> read = TIo.ReadAsync(_storage, offset, buffer, cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(EndRead(offset, buffer, SyncIo.Complete(read))) : Await(this, read, offset, buffer);

        static async ValueTask<ReadResult> Await(RawImage image, ValueTask<int> read, long offset, IoBuffer buffer) =>
            image.EndRead(offset, buffer, await read.ConfigureAwait(false));
    }

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) =>
        IsReadOnly || _mode == ConsistencyMode.Unsafe ? default : BarrierAsync<TIo>(cancellationToken);

    protected override async ValueTask CloseCore<TIo>()
    {
        try
        {
            if (Volatile.Read(ref _isDirty))
            {
                await FlushCore<TIo>(default).ConfigureAwait(false);
            }
        }
        finally
        {
            if (TIo.IsSynchronous)
            {
                _storage.Dispose();
            }
            else
            {
                await _storage.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static string Undefined(StorageFence fence) =>
        $"a barrier failed earlier ({fence.Message}): what was written after the last good one is undefined";

    // Only the bytes that fill up the last sector may be missing from the storage.
    private ReadResult EndRead(long offset, IoBuffer buffer, int read)
    {
        if (read < buffer.Length)
        {
            if (offset + read < Volatile.Read(ref _lengthBytes))
            {
                ThrowTruncated(offset + read);
            }

            buffer.Span[read..].Clear();
        }

        return new ReadResult(ExtentKind.Data, buffer.Length);
    }

    private void ThrowTruncated(long offset) => throw new ImageException(
        ImageErrorKind.Io,
        $"{Name}: the file ends at {offset} and had {_lengthBytes} bytes: it was cut while it was open. Close the disk and look into who did that.",
        Name,
        "read",
        offset);

    private async ValueTask BarrierAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        // Cleared first: a write that comes meanwhile sets it again.
        Volatile.Write(ref _isDirty, false);
        try
        {
            await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Volatile.Write(ref _isDirty, true);
            throw;
        }
    }
}
