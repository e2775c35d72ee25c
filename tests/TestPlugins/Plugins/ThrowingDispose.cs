using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ThrowingDisposeBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Its images are none of the base class's, whose disposal throws nothing: theirs does. Of a file called "negative.img" they say that its disk has -512 bytes.</summary>
public sealed class ThrowingDisposeBackend() : PlainBackend("throwing-dispose")
{
    protected override ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken) =>
        new(new ThrowingDisposeImage(new PlainImage(this, storage, options.Flags)));
}

public sealed class ThrowingDisposeImage(IDiskImage inner) : IDiskImage
{
    public BackendInfo Backend => inner.Backend;

    public string Name => inner.Name;

    public string FormatVersion => inner.FormatVersion;

    public ImageCapabilities Capabilities => inner.Capabilities;

    public ImageFlags Flags => inner.Flags;

    public ImageOpenFlags OpenFlags => inner.OpenFlags;

    public long VirtualSizeBytes => inner.Name.EndsWith("negative.img", StringComparison.Ordinal) ? -512 : inner.VirtualSizeBytes;

    public ImageLimits Limits => inner.Limits;

    public ParentReference? Parent => inner.Parent;

    public ImageFileSize GetFileSize() => inner.GetFileSize();

    public void SetBeneath(Beneath beneath) => inner.SetBeneath(beneath);

    public ValueTask SetBeneathAsync(Beneath beneath, CancellationToken cancellationToken = default) => inner.SetBeneathAsync(beneath, cancellationToken);

    public Extent Map(long offset, long lengthBytes) => inner.Map(offset, lengthBytes);

    public ValueTask<Extent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => inner.MapAsync(offset, lengthBytes, cancellationToken);

    public ReadResult Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

    public WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None) => inner.Write(offset, buffer, flags);

    public ValueTask<WriteResult> WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(offset, buffer, flags, cancellationToken);

    public WriteResult WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) => inner.WriteZeroes(offset, lengthBytes, flags);

    public ValueTask<WriteResult> WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        inner.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken);

    public void Flush() => inner.Flush();

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

    public void Close() => inner.Close();

    public ValueTask CloseAsync() => inner.CloseAsync();

    public void Dump(TextWriter output) => inner.Dump(output);

#pragma warning disable CA1065 // this is what is tested
    public void Dispose()
    {
        inner.Dispose();
        throw new InvalidOperationException("from Dispose");
    }

    public async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        throw new InvalidOperationException("from DisposeAsync");
    }
#pragma warning restore CA1065
}
