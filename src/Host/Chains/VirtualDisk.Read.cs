using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>Reading and mapping.</content>
public sealed partial class VirtualDisk
{
    /// <summary>Reads; fills the buffer.</summary>
    public void Read(long offset, Span<byte> buffer)
    {
        if (_filters is null)
        {
            ReadUnfiltered(offset, buffer);
        }
        else
        {
            ReadFiltered(offset, buffer);
        }
    }

    /// <inheritdoc cref="Read(long, Span{byte})"/>
    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _filters is null ? ReadUnfilteredAsync(offset, buffer, cancellationToken) : ReadFilteredAsync<AsyncIo>(offset, new IoBuffer(buffer), cancellationToken);

    private void ReadUnfiltered(long offset, Span<byte> buffer)
    {
        Generation generation = EnterReader();
        try
        {
            CheckRange(generation, offset, buffer.Length);
            ReadInline(generation, offset, buffer);
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    private ValueTask ReadUnfilteredAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Generation generation = EnterReader();
        bool isHandedOver = false;
        try
        {
            CheckRange(generation, offset, buffer.Length);
            ValueTask reading = ChainReader.ReadAsync<AsyncIo>(generation, 0, offset, new IoBuffer(buffer), cancellationToken);
            if (reading.IsCompletedSuccessfully)
            {
                return reading;
            }

            isHandedOver = true;
            return EndReadAsync(generation, reading);
        }
        finally
        {
            if (!isHandedOver)
            {
                generation.Readers.Exit();
            }
        }
    }

    /// <summary>Reads one run of the disk into several buffers.</summary>
    public void Read(long offset, IReadOnlyList<Memory<byte>> buffers)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        if (_filters is not null)
        {
            SyncIo.Complete(ReadListFilteredAsync<SyncIo>(offset, buffers, default));
            return;
        }

        Generation generation = EnterReader();
        try
        {
            CheckRange(generation, offset, TotalLength(buffers));
            foreach (Memory<byte> buffer in buffers)
            {
                ReadInline(generation, offset, buffer.Span);

                offset += buffer.Length;
            }
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    /// <inheritdoc cref="Read(long, IReadOnlyList{Memory{byte}})"/>
    public async ValueTask ReadAsync(long offset, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        if (_filters is not null)
        {
            await ReadListFilteredAsync<AsyncIo>(offset, buffers, cancellationToken).ConfigureAwait(false);
            return;
        }

        Generation generation = EnterReader();
        try
        {
            CheckRange(generation, offset, TotalLength(buffers));
            foreach (Memory<byte> buffer in buffers)
            {
                await ChainReader.ReadAsync<AsyncIo>(generation, 0, offset, new IoBuffer(buffer), cancellationToken).ConfigureAwait(false);
                offset += buffer.Length;
            }
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    /// <summary>Which level answers the run at <paramref name="offset"/>, and how; as long as it is one answer, at most <paramref name="lengthBytes"/>.</summary>
    /// <param name="offset">Inside the disk.</param>
    /// <param name="lengthBytes">Length of interest, inside the disk; at least 1.</param>
    public DiskExtent Map(long offset, long lengthBytes) => SyncIo.Complete(MapCore<SyncIo>(offset, lengthBytes, default));

    /// <inheritdoc cref="Map(long, long)"/>
    public ValueTask<DiskExtent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        MapCore<AsyncIo>(offset, lengthBytes, cancellationToken);

    /// <summary>What the chain's memory says of a run; false when a level would have to ask its storage.</summary>
    internal bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        Generation generation = EnterReader();
        int i = 0;
        try
        {
            long run = lengthBytes;
            for (; i < generation.Images.Length; i++)
            {
                long left = generation.LengthsBytes[i] - offset;
                if (left <= 0)
                {
                    break;
                }

                run = Math.Min(run, left);
                if (!generation.Images[i].TryMap(offset, run, out extent))
                {
                    return false;
                }

                BackendResults.Check(extent, run, generation.Images[i]);
                run = extent.LengthBytes;
                if (extent.Kind != ExtentKind.Free)
                {
                    extent = _filters?.Above(extent) ?? extent;
                    return true;
                }
            }

            extent = new Extent(ExtentKind.Free, run);
            extent = _filters?.Above(extent) ?? extent;
            return true;
        }
        catch (Exception exception) when (generation.IsFault(exception))
        {
            throw generation.Levels[Math.Min(i, generation.Levels.Length - 1)].Fault("mapping", offset, exception);
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    // ChainReader.ReadAsync by hand, for the calling thread: the path that a reading guest spends its time on.
    private static void ReadInline(Generation generation, long offset, Span<byte> buffer)
    {
        IDiskImage[] images = generation.Images;
        long[] lengths = generation.LengthsBytes;
        OwnerMemo? memo = generation.Memo;
        int memoLevel = memo is null ? -1 : memo.FirstLevel;
        int i = 0;
        try
        {
            while (buffer.Length > 0)
            {
                int run = buffer.Length;
                ExtentKind kind = ExtentKind.Free;
                for (i = 0; i < images.Length && kind == ExtentKind.Free; i++)
                {
                    if (i == memoLevel && (i = Math.Max(i, memo!.FindStart(offset, ref run))) == images.Length)
                    {
                        break;
                    }

                    long left = lengths[i] - offset;
                    if (left <= 0)
                    {
                        break;
                    }

                    run = (int)Math.Min(run, left);
                    if (!ChainReader.TryMapShort(images[i], isLast: i == images.Length - 1, offset, ref run, out kind) || kind == ExtentKind.Data)
                    {
                        ReadResult result = images[i].Read(offset, buffer[..run]);
                        BackendResults.Check(result, run, images[i]);
                        run = result.Length;
                        kind = result.Kind;
                    }
                }

                if (kind != ExtentKind.Data)
                {
                    buffer[..run].Clear();
                }

                offset += run;
                buffer = buffer[run..];
            }
        }
        catch (Exception exception) when (generation.IsFault(exception))
        {
            throw generation.Levels[Math.Min(i, images.Length - 1)].Fault("reading", offset, exception);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask EndReadAsync(Generation generation, ValueTask reading)
    {
        try
        {
            await reading.ConfigureAwait(false);
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    private async ValueTask<DiskExtent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lengthBytes, 1);
        Generation generation = EnterReader();
        try
        {
            CheckRange(generation, offset, lengthBytes);
            DiskExtent extent = await ChainReader.MapAsync<TIo>(generation, 0, offset, lengthBytes, isHintEnough: false, cancellationToken).ConfigureAwait(false);
            return _filters?.Above(extent) ?? extent;
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    private static long TotalLength(IReadOnlyList<Memory<byte>> buffers)
    {
        long total = 0;
        foreach (Memory<byte> buffer in buffers)
        {
            total += buffer.Length;
        }

        return total;
    }
}
