using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

/// <summary>An image with one defect.</summary>
internal sealed class DefectiveImage(IDiskImage inner, IImageStorage storage, DefectiveBackend backend, Defect defect) : IDiskImage
{
    private const int ChunkBytes = 1 << 20;

    private static readonly TimeSpan s_longestMeeting = TimeSpan.FromSeconds(20);

    private int _writes;
    private int _writesInside;
    private volatile bool _hasLost;

    public BackendInfo Backend => backend.Info;

    public string Name => inner.Name;

    public string FormatVersion => inner.FormatVersion;

    public ImageCapabilities Capabilities => defect == Defect.ClaimsGrow ? inner.Capabilities | ImageCapabilities.Grow : inner.Capabilities;

    public ImageFlags Flags => inner.Flags;

    public ImageOpenFlags OpenFlags => inner.OpenFlags;

    public long VirtualSizeBytes => inner.VirtualSizeBytes;

    public ImageLimits Limits => inner.Limits;

    public ParentReference? Parent => inner.Parent;

    public ImageFileSize GetFileSize() => inner.GetFileSize();

    public void SetBeneath(Beneath beneath)
    {
        if (defect != Defect.IgnoresBeneath)
        {
            inner.SetBeneath(beneath);
        }
    }

    public ValueTask SetBeneathAsync(Beneath beneath, CancellationToken cancellationToken = default)
    {
        SetBeneath(beneath);
        return default;
    }

    public bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        bool answers = inner.TryMap(offset, lengthBytes, out extent);
        switch (defect)
        {
            case Defect.TryMapDisagrees:
                extent = extent with { Kind = ExtentKind.Zero };
                break;
            case Defect.TryMapAllocates:
                GC.KeepAlive(new object());
                break;
            case Defect.TryMapReads:
                storage.Read(0, new byte[1]);
                break;
            default:
                break;
        }

        return answers;
    }

    public Extent Map(long offset, long lengthBytes)
    {
        Extent extent = inner.Map(offset, lengthBytes);
        return defect switch
        {
            Defect.MapsTooFar => extent with { LengthBytes = extent.LengthBytes + 512 },
            Defect.MapsDataAsZero when extent.Kind == ExtentKind.Data => extent with { Kind = ExtentKind.Zero },
            Defect.MapsToTheWrongPlace when extent.Kind == ExtentKind.Data => extent with { StorageOffset = extent.StorageOffset + 512 },
            _ => extent,
        };
    }

    public ValueTask<Extent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => new(Map(offset, lengthBytes));

    public ReadResult Read(long offset, Span<byte> buffer)
    {
        if (defect == Defect.AcceptsAnyRange && (offset < 0 || offset + buffer.Length > VirtualSizeBytes))
        {
            return new ReadResult(ExtentKind.Zero, buffer.Length);
        }

        ReadResult result = inner.Read(offset, buffer);
        switch (defect)
        {
            case Defect.TouchesTheBufferOfZeros when result.Kind != ExtentKind.Data:
                buffer.Clear();
                break;
            case Defect.ReadsOneByteTooFew when result.Kind == ExtentKind.Data && result.Length > 1:
                buffer[result.Length - 1] = 0;
                break;
            case Defect.ReadsZeroBytes when buffer.Length > 600:
                return new ReadResult(result.Kind, 0);
            default:
                break;
        }

        return result;
    }

    public ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ReadResult result = Read(offset, buffer.Span);
        if (defect == Defect.AsyncIsDifferent && result.Kind == ExtentKind.Data)
        {
            buffer.Span[0] ^= 1;
        }

        return new ValueTask<ReadResult>(result);
    }

    public WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        switch (defect)
        {
            case Defect.SwallowsWrites:
            case Defect.SwallowsTheSecondWrite when ++_writes % 2 == 0:
                return WriteResult.Done(buffer.Length);
            case Defect.AnswersFreeOverNothing when buffer.Length < Limits.BlockBytes:
                return WriteResult.Free(1, offset % Limits.BlockBytes, 0);
            case Defect.RefusesTheLastBlock when offset + buffer.Length > VirtualSizeBytes:
                throw new ArgumentOutOfRangeException(nameof(offset));
            case Defect.AllocatesInSpiteOfNoAllocate:
                return inner.Write(offset, buffer, flags & ~WriteFlags.NoAllocate);
            case Defect.ForgetsForceUnitAccess:
                return inner.Write(offset, buffer, flags & ~WriteFlags.ForceUnitAccess);
            case Defect.WritesWhenReadOnly when inner.IsReadOnly:
                storage.Write(9000, buffer);
                return WriteResult.Done(buffer.Length);
            case Defect.LosesConcurrentWrites:
                if (Interlocked.Increment(ref _writesInside) > 1)
                {
                    _hasLost = true;
                    Interlocked.Decrement(ref _writesInside);
                    return WriteResult.Done(buffer.Length);
                }

                // Stays inside until a second writer has come once: what else the machine does is not to decide whether they meet.
                SpinWait.SpinUntil(() => _hasLost, s_longestMeeting);
                WriteResult done = inner.Write(offset, buffer, flags);
                Interlocked.Decrement(ref _writesInside);
                return done;
            default:
                break;
        }

        WriteResult result = inner.Write(offset, buffer, flags);
        return defect == Defect.ForgetsPreAndPost && result.IsFree ? WriteResult.Free(result.LengthBytes, 0, 0) : result;
    }

    public ValueTask<WriteResult> WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        new(Write(offset, buffer.Span, flags));

    public WriteResult WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        if (defect == Defect.ZerosOnlyTheFirstChunk && lengthBytes > ChunkBytes)
        {
            inner.WriteZeroes(offset, ChunkBytes, flags);
            return WriteResult.Done(lengthBytes);
        }

        WriteResult result = inner.WriteZeroes(offset, lengthBytes, flags);
        if (defect == Defect.ZerosWithGarbage && !result.IsFree && result.LengthBytes > 0)
        {
            inner.Write(offset, [0xDB]);
        }

        return result;
    }

    public ValueTask<WriteResult> WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        new(WriteZeroes(offset, lengthBytes, flags));

    public WriteResult Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        if (defect == Defect.DiscardAnswersFree)
        {
            return WriteResult.Free(lengthBytes, 0, 0);
        }

        if (defect == Defect.DiscardsWithGarbage && lengthBytes > 0)
        {
            inner.Write(offset, [0xDB]);
        }

        return inner.Discard(offset, lengthBytes, flags);
    }

    public ValueTask<WriteResult> DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        new(Discard(offset, lengthBytes, flags));

    public void Flush() => inner.Flush();

    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        Flush();
        return default;
    }

    public void Close()
    {
        switch (defect)
        {
            case Defect.CloseSwallowsErrors:
                inner.Dispose();
                break;
            case Defect.CloseKeepsTheStorage:
                inner.Flush();
                break;
            default:
                inner.Close();
                break;
        }
    }

    public ValueTask CloseAsync()
    {
        Close();
        return default;
    }

    public ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        defect == Defect.ThrowsTheWrongWay ? throw new NotImplementedException() : inner.ResizeAsync(virtualSizeBytes, mayShrink, progress, cancellationToken);

    public void Dump(TextWriter output)
    {
        if (defect == Defect.DumpsControlCharacters)
        {
            output.Write("\u001b[2J");
        }

        inner.Dump(output);
    }

    public void Dispose()
    {
        if (defect == Defect.ThrowsWhenDisposed)
        {
            Close();
        }
        else
        {
            inner.Dispose();
        }
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }
}
