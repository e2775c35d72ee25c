using System.Runtime.InteropServices;

namespace QedVd.Samples.Emulator;

/// <summary>The guest's RAM: outside the managed heap, as an emulator has it.</summary>
internal sealed unsafe class GuestMemory(int lengthBytes) : IDisposable
{
    private byte* _bytes = (byte*)NativeMemory.AllocZeroed((nuint)lengthBytes);

    public bool Has(uint address, int length) => address + (long)length <= lengthBytes;

    public Span<byte> Span(uint address, int length) => new Span<byte>(_bytes, lengthBytes).Slice((int)address, length);

    public void Dispose()
    {
        NativeMemory.Free(_bytes);
        _bytes = null;
    }
}
