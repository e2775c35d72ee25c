namespace QedVd.Host.Tests.Storage;

/// <summary>Calls a storage in one of its two forms.</summary>
internal static class Form
{
    public static ValueTask<int> Read(IImageStorage storage, bool asynchronous, long offset, Memory<byte> buffer) =>
        asynchronous ? storage.ReadAsync(offset, buffer) : new ValueTask<int>(storage.Read(offset, buffer.Span));

    public static ValueTask Write(IImageStorage storage, bool asynchronous, long offset, ReadOnlyMemory<byte> buffer) =>
        asynchronous ? storage.WriteAsync(offset, buffer) : Do(() => storage.Write(offset, buffer.Span));

    public static ValueTask SetLength(IImageStorage storage, bool asynchronous, long lengthBytes) =>
        asynchronous ? storage.SetLengthAsync(lengthBytes) : Do(() => storage.SetLength(lengthBytes));

    public static ValueTask Barrier(IImageStorage storage, bool asynchronous) =>
        asynchronous ? storage.BarrierAsync() : Do(storage.Barrier);

    public static ValueTask PunchHole(IImageStorage storage, bool asynchronous, long offset, long lengthBytes) =>
        asynchronous ? storage.PunchHoleAsync(offset, lengthBytes) : Do(() => storage.PunchHole(offset, lengthBytes));

    public static ValueTask Allocate(IImageStorage storage, bool asynchronous, long offset, long lengthBytes) =>
        asynchronous ? storage.AllocateAsync(offset, lengthBytes) : Do(() => storage.Allocate(offset, lengthBytes));

    private static ValueTask Do(Action action)
    {
        action();
        return default;
    }
}
