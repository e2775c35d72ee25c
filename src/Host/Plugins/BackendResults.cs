using System.Numerics;
using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Checks what a backend answers before anything is believed: results that a plugin returns are validated like input. Each check is a few
/// comparisons and allocates nothing; a violation throws <see cref="ImageErrorKind.BackendFault"/>, which names the backend and the values.
/// </summary>
public static class BackendResults
{
    /// <summary>The largest block that the host accepts: copy on write holds one in memory.</summary>
    public const int MaxBlockBytes = 1 << 30;

    /// <summary>Throws unless a read's answer has a known kind and a length of 1 to <paramref name="askedBytes"/> (0 for an empty request).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(ReadResult result, int askedBytes, IDiskImage image)
    {
        if ((uint)result.Kind > (uint)ExtentKind.Data || (uint)(result.Length - 1) >= (uint)askedBytes)
        {
            CheckReadSlow(result, askedBytes, image);
        }
    }

    /// <summary>
    /// Throws unless a write's, zero's or discard's answer has a length of 1 to <paramref name="askedBytes"/> (0 for an empty request), and pre and post
    /// amounts that complete the free run to whole blocks.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(in WriteResult result, long offset, long askedBytes, IDiskImage image)
    {
        if (result.IsFree || (result.PreBytes | result.PostBytes) != 0 || (ulong)(result.LengthBytes - 1) >= (ulong)askedBytes)
        {
            CheckWriteSlow(result, offset, askedBytes, image);
        }
    }

    /// <summary>Throws unless an extent has a known kind, a length of 1 to <paramref name="askedBytes"/> and a possible place in the storage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(in Extent extent, long askedBytes, IDiskImage image)
    {
        if ((uint)extent.Kind > (uint)ExtentKind.Data
            || (ulong)(extent.LengthBytes - 1) >= (ulong)askedBytes
            || extent.StorageOffset < Extent.NoOffset
            || extent.StorageOffset > long.MaxValue - extent.LengthBytes
            || (extent.Kind == ExtentKind.Free && extent.StorageOffset != Extent.NoOffset))
        {
            throw Fault(image, $"described a run of {askedBytes} bytes as {(int)extent.Kind} ({extent.Kind}), {extent.LengthBytes} bytes at {extent.StorageOffset} of its storage");
        }
    }

    /// <summary>Throws unless there are 1 to as many runs as there was room for, each as <see cref="Check(in Extent, long, IDiskImage)"/> has it, and together not longer than <paramref name="askedBytes"/>.</summary>
    /// <param name="runs">The room that there was.</param>
    /// <param name="count">How many runs the image says that it has filled in.</param>
    /// <param name="askedBytes">The length that it was asked for.</param>
    /// <param name="image">The image.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Check(ReadOnlySpan<Extent> runs, int count, long askedBytes, IDiskImage image)
    {
        if (count < 1 || count > runs.Length)
        {
            throw Fault(image, $"described {count} runs where at least one and at most {runs.Length} were asked for");
        }

        foreach (ref readonly Extent run in runs[..count])
        {
            Check(run, askedBytes, image);
            askedBytes -= run.LengthBytes;
        }
    }

    /// <summary>Throws unless what an image says of itself can be true: size, limits, name, and read-only when that was asked for.</summary>
    public static void CheckImage(IDiskImage image, ImageOpenFlags askedFlags)
    {
        ArgumentNullException.ThrowIfNull(image);
        long sizeBytes = image.VirtualSizeBytes;
        if (sizeBytes < 0)
        {
            throw Fault(image, $"says that the disk has {sizeBytes} bytes");
        }

        ImageLimits limits = image.Limits;
        if (limits.AlignmentBytes < 1 || !BitOperations.IsPow2(limits.AlignmentBytes)
            || limits.BlockBytes < 1 || limits.BlockBytes > MaxBlockBytes || limits.BlockBytes % limits.AlignmentBytes != 0
            || limits.BestIoBytes < 1)
        {
            throw Fault(image, $"states alignment {limits.AlignmentBytes}, block {limits.BlockBytes}, best request {limits.BestIoBytes} bytes");
        }

        if (image.Name is null || image.Regions is null || image.Warnings is null)
        {
            throw Fault(image, "gives null for its name, regions or warnings");
        }

        if ((askedFlags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0 && !image.IsReadOnly)
        {
            throw Fault(image, "opened for writing what was to be opened read-only");
        }
    }

    private static void CheckReadSlow(ReadResult result, int askedBytes, IDiskImage image)
    {
        if (askedBytes != 0 || result.Length != 0 || (uint)result.Kind > (uint)ExtentKind.Data)
        {
            throw Fault(image, $"answered a read of {askedBytes} bytes with {(int)result.Kind} ({result.Kind}) for {result.Length} bytes");
        }
    }

    private static void CheckWriteSlow(in WriteResult result, long offset, long askedBytes, IDiskImage image)
    {
        bool lengthFits = askedBytes == 0 ? result.LengthBytes == 0 : result.LengthBytes >= 1 && result.LengthBytes <= askedBytes;
        bool amountsFit = result.PreBytes == 0 && result.PostBytes == 0;
        if (result.IsFree && lengthFits)
        {
            long block = image.Limits.BlockBytes;
            amountsFit = block > 0
                && result.PreBytes >= 0 && result.PreBytes < block && result.PreBytes <= offset && (offset - result.PreBytes) % block == 0
                && result.PostBytes >= 0 && result.PostBytes < block && ((ulong)offset + (ulong)result.LengthBytes + (ulong)result.PostBytes) % (ulong)block == 0;
        }

        if (!lengthFits || !amountsFit)
        {
            throw Fault(image, $"answered a write of {askedBytes} bytes at {offset} with {(result.IsFree ? "free" : "done")} for {result.LengthBytes} bytes, {result.PreBytes} before and {result.PostBytes} behind");
        }
    }

    private static ImageException Fault(IDiskImage image, string what)
    {
        string? name = null;
        string? backend = null;
        try
        {
            name = image.Name;
            backend = image.Backend?.Id;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The message does without what the image cannot even say of itself.
        }

        return new ImageException(
            ImageErrorKind.BackendFault,
            $"{PluginText.OneLine(name ?? "an image")}: backend '{PluginText.OneLine(backend ?? "?")}' {what}, which the contract does not allow. Do not write to the image with it; report this to its author.",
            name);
    }
}
