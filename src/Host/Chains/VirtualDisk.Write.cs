using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>Writing, zeroing, discarding, flushing.</content>
public sealed partial class VirtualDisk
{
    private const WriteFlags GuestFlags = WriteFlags.ForceUnitAccess | WriteFlags.MayUnmap | WriteFlags.FastOnly;

    /// <summary>Writes all of the buffer.</summary>
    public unsafe void Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        fixed (byte* pointer = buffer)
        {
            SyncIo.Complete(WriteCore<SyncIo>(offset, new IoBuffer(pointer, buffer.Length), flags, default));
        }
    }

    /// <inheritdoc cref="Write(long, ReadOnlySpan{byte}, WriteFlags)"/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        WriteCore<AsyncIo>(offset, new IoBuffer(buffer), flags, cancellationToken);

    /// <summary>Writes several buffers as one run of the disk.</summary>
    public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags = WriteFlags.None) =>
        SyncIo.Complete(WriteListCore<SyncIo>(offset, buffers, flags, default));

    /// <inheritdoc cref="Write(long, IReadOnlyList{ReadOnlyMemory{byte}}, WriteFlags)"/>
    public ValueTask WriteAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        WriteListCore<AsyncIo>(offset, buffers, flags, cancellationToken);

    /// <summary>
    /// Makes the range read as zero, without writing zeros where the format can. With <see cref="WriteFlags.FastOnly"/> it writes no data, or fails with
    /// <see cref="ImageErrorKind.NotSupported"/> and has changed nothing; see <see cref="CanZeroFast"/>.
    /// </summary>
    public void WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        SyncIo.Complete(WriteZeroesCore<SyncIo>(offset, lengthBytes, flags, default));

    /// <inheritdoc cref="WriteZeroes(long, long, WriteFlags)"/>
    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        WriteZeroesCore<AsyncIo>(offset, lengthBytes, flags, cancellationToken);

    /// <summary>The guest does not need the range any more: afterwards each byte of it reads as before or as zero.</summary>
    public void Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        SyncIo.Complete(DiscardCore<SyncIo>(offset, lengthBytes, flags, default));

    /// <inheritdoc cref="Discard(long, long, WriteFlags)"/>
    public ValueTask DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        DiscardCore<AsyncIo>(offset, lengthBytes, flags, cancellationToken);

    /// <summary>Everything acknowledged before the call is durable when it returns. Does nothing on a read-only disk.</summary>
    public void Flush() => SyncIo.Complete(FlushCore<SyncIo>(default));

    /// <inheritdoc cref="Flush()"/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => FlushCore<AsyncIo>(cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken, bool isFiltered = false)
        where TIo : struct, IIoMode
    {
        CheckFlags(flags);
        if (await EnterWriterUnlessFilteredAsync<TIo>(isFiltered, cancellationToken).ConfigureAwait(false) is not { } generation)
        {
            await WriteFilteredAsync<TIo>(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(generation, "write", offset, buffer.Length);
            generation.Changes?.Mark(offset, buffer.Length);
            await WriteRunAsync<TIo>(generation, offset, buffer, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            generation.Writers.Exit();
        }
    }

    private async ValueTask WriteListCore<TIo>(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        ArgumentNullException.ThrowIfNull(buffers);
        CheckFlags(flags);
        if (await EnterWriterUnlessFilteredAsync<TIo>(isFiltered: false, cancellationToken).ConfigureAwait(false) is not { } generation)
        {
            await WriteListFilteredAsync<TIo>(offset, buffers, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(generation, "write", offset, buffers.Sum(buffer => (long)buffer.Length));
            generation.Changes?.Mark(offset, buffers.Sum(buffer => (long)buffer.Length));
            foreach (ReadOnlyMemory<byte> buffer in buffers)
            {
                await WriteRunAsync<TIo>(generation, offset, new IoBuffer(buffer), flags, cancellationToken).ConfigureAwait(false);
                offset += buffer.Length;
            }
        }
        finally
        {
            generation.Writers.Exit();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteRunAsync<TIo>(Generation generation, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            while (buffer.Length > 0)
            {
                bool isOver = generation.IsBlockOverSomething(offset);
                WriteResult result = await TIo.WriteAsync(generation.Top, offset, buffer, isOver ? flags | WriteFlags.NoAllocate : flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, buffer.Length, result, mayBeFree: isOver);
                int done = (int)result.LengthBytes;
                if (result.IsFree)
                {
                    done = await GrowAsync<TIo>(generation, offset, buffer.Slice(0, done), flags, cancellationToken).ConfigureAwait(false);
                }

                offset += done;
                buffer = buffer.Slice(done, buffer.Length - done);
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[0].Fault("writing to", offset, exception);
        }
    }

    private async ValueTask WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken, bool isFiltered = false)
        where TIo : struct, IIoMode
    {
        CheckFlags(flags);
        if (await EnterWriterUnlessFilteredAsync<TIo>(isFiltered, cancellationToken).ConfigureAwait(false) is not { } generation)
        {
            await WriteZeroesFilteredAsync<TIo>(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(generation, "write zeros", offset, lengthBytes);
            generation.Changes?.Mark(offset, lengthBytes);
            if ((flags & WriteFlags.FastOnly) != 0 && !await IsZeroingFastAsync<TIo>(generation, offset, lengthBytes, cancellationToken).ConfigureAwait(false))
            {
                throw NotFast(generation);
            }

            await WriteZeroRunsAsync<TIo>(generation, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            generation.Writers.Exit();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteZeroRunsAsync<TIo>(Generation generation, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            while (lengthBytes > 0)
            {
                bool isOver = generation.IsBlockOverSomething(offset);
                WriteResult result = await TIo.WriteZeroesAsync(generation.Top, offset, lengthBytes, isOver ? flags | WriteFlags.NoAllocate : flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, lengthBytes, result, mayBeFree: isOver);
                long done = result.LengthBytes;
                if (result.IsFree)
                {
                    done = await GrowZeroAsync<TIo>(generation, offset, done, flags, cancellationToken).ConfigureAwait(false);
                }

                offset += done;
                lengthBytes -= done;
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[0].Fault("writing zeros to", offset, exception);
        }
    }

    private async ValueTask DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken, bool isFiltered = false)
        where TIo : struct, IIoMode
    {
        CheckFlags(flags);
        if (await EnterWriterUnlessFilteredAsync<TIo>(isFiltered, cancellationToken).ConfigureAwait(false) is not { } generation)
        {
            await DiscardFilteredAsync<TIo>(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(generation, "discard", offset, lengthBytes);
            generation.Changes?.Mark(offset, lengthBytes);
            while (lengthBytes > 0)
            {
                long done = await DiscardRunAsync<TIo>(generation, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
                offset += done;
                lengthBytes -= done;
            }
        }
        finally
        {
            generation.Writers.Exit();
        }
    }

    private async ValueTask FlushCore<TIo>(CancellationToken cancellationToken, bool isFiltered = false)
        where TIo : struct, IIoMode
    {
        if (await EnterWriterUnlessFilteredAsync<TIo>(isFiltered, cancellationToken).ConfigureAwait(false) is not { } generation)
        {
            await FlushFilteredAsync<TIo>(cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            if (!generation.Top.IsReadOnly)
            {
                await TIo.FlushAsync(generation.Top, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[0].Fault("flushing", null, exception);
        }
        finally
        {
            generation.Writers.Exit();
        }
    }

    private static void CheckFlags(WriteFlags flags)
    {
        if ((flags & ~GuestFlags) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(flags), flags, $"A disk takes {GuestFlags} only; whether to allocate is its own affair.");
        }
    }

    private void CheckChange(Generation generation, string operation, long offset, long lengthBytes)
    {
        if (_options.ReadOnly || generation.IsTopReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Shown}: the disk is open for reading only. Open it without ReadOnly to change it.", Path, operation, offset);
        }

        CheckRange(generation, offset, lengthBytes);
    }
}
