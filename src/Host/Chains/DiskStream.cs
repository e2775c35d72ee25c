namespace QedVd.Host;

/// <summary>A disk as a seekable stream with the length that the disk has, and with a position of its own. Not thread safe, as streams are; several on one disk are fine.</summary>
internal sealed class DiskStream(VirtualDisk disk) : Stream
{
    private long _position;
    private bool _isDisposed;

    public override bool CanRead => !_isDisposed;

    public override bool CanSeek => !_isDisposed;

    public override bool CanWrite => !_isDisposed && !disk.IsReadOnly;

    public override long Length
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return disk.LengthBytes;
        }
    }

    public override long Position
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _position;
        }

        set
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        long start = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => Position,
            SeekOrigin.End => Length,
            _ => throw new ArgumentOutOfRangeException(nameof(origin)),
        };
        long target = checked(start + offset);
        if (target < 0)
        {
            throw new IOException($"Position {target} lies before the start of the disk.");
        }

        Position = target;
        return target;
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    public override int Read(Span<byte> buffer)
    {
        int count = CountAtPosition(buffer.Length);
        disk.Read(Math.Min(_position, disk.LengthBytes), buffer[..count]);
        _position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = CountAtPosition(buffer.Length);
        await disk.ReadAsync(Math.Min(_position, disk.LengthBytes), buffer[..count], cancellationToken).ConfigureAwait(false);
        _position += count;
        return count;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!MustWrite(buffer.Length))
        {
            return;
        }

        disk.Write(_position, buffer);
        _position += buffer.Length;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!MustWrite(buffer.Length))
        {
            return;
        }

        await disk.WriteAsync(_position, buffer, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        _position += buffer.Length;
    }

    public override void Flush()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        disk.Flush();
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return disk.FlushAsync(cancellationToken).AsTask();
    }

    public override void SetLength(long value) => throw new NotSupportedException("A disk's length is not changed through a stream.");

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private int CountAtPosition(int wanted)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return (int)Math.Clamp(disk.LengthBytes - _position, 0, wanted);
    }

    // Nothing may be written anywhere, beyond the end too, as into any stream.
    private bool MustWrite(int count)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (disk.IsReadOnly)
        {
            throw new NotSupportedException($"{disk.Path}: the disk is open for reading only.");
        }

        if (count > 0 && count > disk.LengthBytes - _position)
        {
            throw new IOException($"{disk.Path}: {count} bytes at {_position} end beyond the disk of {disk.LengthBytes} bytes, which a stream does not grow.");
        }

        return count > 0;
    }
}
