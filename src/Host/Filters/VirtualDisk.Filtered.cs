using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>Requests that pass filters.</content>
public sealed partial class VirtualDisk
{
    /// <summary>The stack, entered; null when there is none.</summary>
    private ValueTask<FilterStack?> EnterFiltersAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = _filters;
        return stack is null || stack.Gate.TryEnter() ? new ValueTask<FilterStack?>(stack) : WaitForFiltersAsync<TIo>(cancellationToken);
    }

    private async ValueTask<FilterStack?> WaitForFiltersAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            FilterStack? stack = _filters;
            if (stack is null || stack.Gate.TryEnter())
            {
                return stack;
            }

            ThrowIfClosed();
            await TIo.WaitAsync(stack.Gate.WhenOpen, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The generation, entered for a change; null where the request has to pass filters first.</summary>
    private ValueTask<Generation?> EnterWriterUnlessFilteredAsync<TIo>(bool isFiltered, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        Generation generation = _generation;
        if (!generation.Writers.TryEnter())
        {
            return WaitForWriterUnlessFilteredAsync<TIo>(isFiltered, cancellationToken);
        }

        // Inside the gate: see PublishFiltersHeldAsync.
        if (isFiltered || _filters is null)
        {
            return new ValueTask<Generation?>(generation);
        }

        generation.Writers.Exit();
        return default;
    }

    private async ValueTask<Generation?> WaitForWriterUnlessFilteredAsync<TIo>(bool isFiltered, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        Generation generation = await WaitForWriterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (isFiltered || _filters is null)
        {
            return generation;
        }

        generation.Writers.Exit();
        return null;
    }

    private unsafe void ReadFiltered(long offset, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            SyncIo.Complete(ReadFilteredAsync<SyncIo>(offset, new IoBuffer(pointer, buffer.Length), default));
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadFilteredAsync<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = await EnterFiltersAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (stack is null)
        {
            await ReadBeneathAsync<TIo>(offset, buffer, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckRange(_generation, offset, buffer.Length);
            await stack.ReadAsync<TIo>(0, offset, buffer, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stack.Gate.Exit();
        }
    }

    private async ValueTask ReadListFilteredAsync<TIo>(long offset, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        CheckRange(_generation, offset, TotalLength(buffers));
        foreach (Memory<byte> buffer in buffers)
        {
            await ReadFilteredAsync<TIo>(offset, new IoBuffer(buffer), cancellationToken).ConfigureAwait(false);
            offset += buffer.Length;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteFilteredAsync<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = await EnterFiltersAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (stack is null)
        {
            await WriteCore<TIo>(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(_generation, "write", offset, buffer.Length);
            await stack.WriteAsync<TIo>(0, offset, buffer, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stack.Gate.Exit();
        }
    }

    private async ValueTask WriteListFilteredAsync<TIo>(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        CheckChange(_generation, "write", offset, buffers.Sum(buffer => (long)buffer.Length));
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            await WriteFilteredAsync<TIo>(offset, new IoBuffer(buffer), flags, cancellationToken).ConfigureAwait(false);
            offset += buffer.Length;
        }
    }

    private async ValueTask WriteZeroesFilteredAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = await EnterFiltersAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (stack is null)
        {
            await WriteZeroesCore<TIo>(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(_generation, "write zeros", offset, lengthBytes);
            await stack.WriteZeroesAsync<TIo>(0, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stack.Gate.Exit();
        }
    }

    private async ValueTask DiscardFilteredAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = await EnterFiltersAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (stack is null)
        {
            await DiscardCore<TIo>(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            CheckChange(_generation, "discard", offset, lengthBytes);
            await stack.DiscardAsync<TIo>(0, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stack.Gate.Exit();
        }
    }

    private async ValueTask FlushFilteredAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FilterStack? stack = await EnterFiltersAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (stack is null)
        {
            await FlushCore<TIo>(cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await stack.FlushAsync<TIo>(0, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stack.Gate.Exit();
        }
    }
}
