using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <summary>
/// What the contract asks of every backend, as tests. Derive a public class in your test project, say which backend it is and (where that
/// differs) with which options its images are made, and run your tests; derive once more for each geometry or mode that matters.
/// </summary>
/// <example><code>
/// public sealed class MyConformance : BackendConformance
/// {
///     protected override IImageBackend CreateBackend() => new MyBackend();
/// }
/// </code></example>
/// <remarks>
/// Images live on <see cref="SimulatedFile"/>, so nothing is left behind and faults can be shown. What a backend does not claim in its
/// <see cref="ImageCapabilities"/> is held to the other half of the contract: that it says so in the one agreed way.
/// </remarks>
public abstract partial class BackendConformance
{
    private IImageBackend? _backend;

    /// <summary>The backend under test.</summary>
    protected IImageBackend Backend => _backend ??= CreateBackend();

    /// <summary>Size of the disks that most tests use; at most a few MiB. By default no multiple of a usual block.</summary>
    protected virtual long DiskBytes => (1 << 20) + (3 * 512);

    /// <summary>What the storages state.</summary>
    protected virtual StorageFacts Facts => SimulatedFile.GoodFacts;

    /// <summary>The mode in which images are opened.</summary>
    protected virtual ConsistencyMode Mode => ConsistencyMode.Ordered;

    private bool CanWrite => (Backend.Info.Capabilities & ImageCapabilities.Write) != 0;

    private bool CanHaveParent => (Backend.Info.Capabilities & ImageCapabilities.Differencing) != 0;

    /// <summary>Makes the backend.</summary>
    protected abstract IImageBackend CreateBackend();

    /// <summary>How an image is made. Override it to set options of the format.</summary>
    protected virtual ImageCreateOptions CreateOptionsFor(long virtualSizeBytes, ParentReference? parent) =>
        new() { VirtualSizeBytes = virtualSizeBytes, Parent = parent };

    /// <summary>How an image is opened. Override it to set options of the format or the budget for tables.</summary>
    protected virtual ImageOpenOptions OpenOptionsFor(ImageOpenFlags flags) => new() { Flags = flags, Mode = Mode, Time = new FakeTime() };

    /// <summary>Makes an empty image in a file. Override it for a backend that cannot create: supply a file with an image whose disk is all free or zero.</summary>
    protected virtual SimulatedFile CreateFile(long virtualSizeBytes, ParentReference? parent)
    {
        var file = new SimulatedFile("conformance", Facts);
        using SimulatedStorage storage = file.Open();
        Backend.Create(storage, CreateOptionsFor(virtualSizeBytes, parent));
        return file;
    }

    private SimulatedFile NewFile(bool withParent = false) => CreateFile(DiskBytes, withParent ? new ParentReference("parent") : null);

    /// <summary>A disk of a few blocks and a part of one, whatever the size of a block.</summary>
    private SimulatedFile NewFileOfBlocks(int blocks, bool withParent = false)
    {
        using IDiskImage probe = Open(NewFile());
        long sizeBytes = Math.Max(DiskBytes, (blocks * Math.Max(probe.Limits.BlockBytes, Units(probe, 8))) + 1536);
        return CreateFile(sizeBytes, withParent ? new ParentReference("parent") : null);
    }

    private IDiskImage Open(SimulatedFile file, ImageOpenFlags flags = ImageOpenFlags.None)
    {
        SimulatedStorage storage = file.Open((flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0);
        try
        {
            return Backend.Open(storage, OpenOptionsFor(flags));
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    private ReferenceDisk Disk(IDiskImage image, bool isAsync = false, byte[]? parent = null) => new(image, new ImageIo(isAsync), parent ?? []);

    // Bytes that say where they stand, none of them zero.
    private static byte[] Pattern(int seed, long lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(1 + (((i * 7) + (i / 512 * 13) + (seed * 101)) % 255));
        }

        return bytes;
    }

    /// <summary>An offset or a length of the disk that every image accepts, whatever its alignment.</summary>
    private static long Units(IDiskImage image, long count) => count * Math.Max(512, image.Limits.AlignmentBytes);

    private static void AssertSame(ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> actual, string what)
    {
        Assert.True(expected.Length == actual.Length, $"{what}: {actual.Length} bytes instead of {expected.Length}");
        int at = expected.Span.CommonPrefixLength(actual.Span);
        Assert.True(at == expected.Length, at < expected.Length ? $"{what}: byte {at} is {actual.Span[at]:x2} instead of {expected.Span[at]:x2}" : "");
    }

    // Each byte is the one or the other.
    private static void AssertOneOf(ReadOnlyMemory<byte> actual, ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other, string what)
    {
        ReadOnlySpan<byte> bytes = actual.Span;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != one.Span[i] && bytes[i] != other.Span[i])
            {
                Assert.Fail($"{what}: byte {i} is {bytes[i]:x2}, neither {one.Span[i]:x2} nor {other.Span[i]:x2}");
            }
        }
    }

    private static async Task<ImageException> RefusalAsync(Func<ValueTask> request)
    {
        ImageException? refusal = null;
        try
        {
            await request();
        }
        catch (ImageException exception)
        {
            refusal = exception;
        }

        Assert.True(refusal is not null, "nothing was thrown");
        return refusal;
    }

    private static async Task AssertNotSupportedAsync(Func<ValueTask> request, string what)
    {
        ImageException refusal = await RefusalAsync(request);
        Assert.True(refusal.Kind == ImageErrorKind.NotSupported, $"{what} is not among the capabilities; it has to answer {ImageErrorKind.NotSupported}, not {refusal.Kind}: {refusal.Message}");
    }
}
