using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace QedVd;

/// <summary>
/// The bytes of one request: managed memory, or (synchronous requests only) memory pinned by the caller, such as a guest's RAM.
/// It lets one algorithm serve spans and <see cref="Memory{T}"/>.
/// </summary>
/// <remarks>Valid until the request that was given it has returned. A write never changes it.</remarks>
public readonly unsafe struct IoBuffer
{
    private readonly Memory<byte> _memory;
    private readonly byte* _pointer;
    private readonly int _lengthBytes;

    /// <summary>Wraps managed memory.</summary>
    public IoBuffer(Memory<byte> memory)
    {
        _memory = memory;
        _lengthBytes = memory.Length;
    }

    /// <summary>Wraps managed memory that is only read.</summary>
    public IoBuffer(ReadOnlyMemory<byte> memory)
        : this(MemoryMarshal.AsMemory(memory))
    {
    }

    /// <summary>Wraps pinned or unmanaged memory. Synchronous requests only.</summary>
    public IoBuffer(byte* pointer, int lengthBytes)
    {
        _pointer = pointer;
        _lengthBytes = lengthBytes;
    }

    /// <summary>Number of bytes.</summary>
    public int Length => _lengthBytes;

    /// <summary>The bytes.</summary>
    public Span<byte> Span => _pointer is null ? _memory.Span : new Span<byte>(_pointer, _lengthBytes);

    /// <summary>The bytes as managed memory. Throws <see cref="InvalidOperationException"/> when the caller gave a pointer.</summary>
    public Memory<byte> Memory => _pointer is null ? _memory : ThrowNotManaged();

    /// <summary>The part of <paramref name="length"/> bytes at <paramref name="start"/>.</summary>
    public IoBuffer Slice(int start, int length)
    {
        if ((uint)start > (uint)_lengthBytes || (uint)length > (uint)(_lengthBytes - start))
        {
            throw new ArgumentOutOfRangeException(nameof(start));
        }

        return _pointer is null ? new IoBuffer(_memory.Slice(start, length)) : new IoBuffer(_pointer + start, length);
    }

    [DoesNotReturn]
    private static Memory<byte> ThrowNotManaged() =>
        throw new InvalidOperationException("Pinned memory can only be used by synchronous requests.");
}
