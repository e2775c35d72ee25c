using System.Globalization;
using QedVd.Backends.Raw;

[assembly: QedVd.ImageBackend(typeof(RawBackend), QedVd.ContractVersion.Major, QedVd.ContractVersion.Minor)]

namespace QedVd.Backends.Raw;

/// <summary>Raw images: the bytes of the disk and nothing else. Every file could be one, so probing never answers more than "maybe".</summary>
public sealed class RawBackend : ImageBackendBase
{
    private const string Preallocation = "preallocation";
    private const string PreallocationOff = "off";
    private const string PreallocationFull = "falloc";

    /// <inheritdoc/>
    public override BackendInfo Info { get; } = new()
    {
        Id = ParentReference.Raw,
        DisplayName = "Raw disk image",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.CreateDynamic | ImageCapabilities.CreateFixed | ImageCapabilities.Asynchronous
            | ImageCapabilities.File | ImageCapabilities.Options | ImageCapabilities.Discard | ImageCapabilities.WriteZeroes
            | ImageCapabilities.Grow | ImageCapabilities.Shrink | ImageCapabilities.SetOpenFlags | ImageCapabilities.Traverse,
        FileExtensions = [".img", ".raw"],
        Options = [new OptionDescriptor(Preallocation, OptionKind.Text, $"{PreallocationOff} (a sparse file) or {PreallocationFull} (take all room now)", PreallocationOff)],
        ProbeBytes = 0,
    };

    /// <inheritdoc/>
    public override ProbeResult Probe(in ProbeInput input) => input.LengthBytes == 0
        ? new(ProbeConfidence.No, "empty; a raw disk of no bytes has to be asked for")
        : new(ProbeConfidence.Maybe, string.Create(CultureInfo.InvariantCulture, $"any {input.LengthBytes} bytes could be a raw disk"));

    /// <inheritdoc/>
    protected override ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
    {
        foreach (string name in options.FormatOptions.Keys)
        {
            throw UnknownOption(storage.Name, name, "open");
        }

        return new ValueTask<IDiskImage>(new RawImage(this, storage, options));
    }

    /// <inheritdoc/>
    /// <remarks>The size is rounded up to a multiple of 512.</remarks>
    protected override async ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
    {
        bool takesRoom = CheckOptions(options, storage.Name);
        long lengthBytes = RawImage.RoundUp(options.VirtualSizeBytes);
        await TIo.SetLengthAsync(storage, lengthBytes, cancellationToken).ConfigureAwait(false);
        if (takesRoom && lengthBytes > 0)
        {
            await TIo.AllocateAsync(storage, 0, lengthBytes, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await RawImage.MakeLastingZerosAsync<TIo>(storage, 0, lengthBytes, cancellationToken).ConfigureAwait(false);
        }

        await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>A raw file is as long as its disk, whatever is written to it.</remarks>
    public override ImageMeter CreateMeter(ImageCreateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        bool takesRoom = CheckOptions(options, "the image to be measured");
        return new RawMeter(RawImage.RoundUp(options.VirtualSizeBytes), takesRoom);
    }

    /// <summary>Refuses what cannot be made; returns whether all room is taken at once.</summary>
    private static bool CheckOptions(ImageCreateOptions options, string name)
    {
        if (options.VirtualSizeBytes is < 0 or > RawImage.LargestSizeBytes)
        {
            throw Refused(name, $"{options.VirtualSizeBytes} bytes: a raw image has 0 to {RawImage.LargestSizeBytes} bytes. Choose another size.");
        }

        if (options.Parent is not null)
        {
            throw ImageException.NotSupported($"naming a parent ('raw' has no place for it)", name);
        }

        return ReadOptions(name, options.FormatOptions);
    }

    private static bool ReadOptions(string imageName, IReadOnlyDictionary<string, string> options)
    {
        bool takesRoom = false;
        foreach ((string name, string value) in options)
        {
            takesRoom = (name, value) switch
            {
                (Preallocation, PreallocationOff) => false,
                (Preallocation, PreallocationFull) => true,
                (Preallocation, _) => throw Refused(imageName, $"{Preallocation} is '{value}': use {PreallocationOff} or {PreallocationFull}."),
                _ => throw UnknownOption(imageName, name, "create"),
            };
        }

        return takesRoom;
    }

    private static ImageException UnknownOption(string imageName, string name, string operation) =>
        new(ImageErrorKind.InvalidArgument, $"{imageName}: raw images have no option '{name}' to {operation} them with. Leave it out.", imageName, operation);

    private static ImageException Refused(string imageName, string reason) =>
        new(ImageErrorKind.InvalidArgument, $"{imageName}: {reason}", imageName, "create");
}
