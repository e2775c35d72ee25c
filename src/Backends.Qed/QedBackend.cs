using QedVd.Backends.Qed;

[assembly: QedVd.ImageBackend(typeof(QedBackend), QedVd.ContractVersion.Major, QedVd.ContractVersion.Minor)]

namespace QedVd.Backends.Qed;

/// <summary>QED images, as QEMU writes and reads them: every legal geometry, parents by name, ordered write-back.</summary>
public sealed class QedBackend : ImageBackendBase
{
    /// <summary>The id that stands for this format on command lines.</summary>
    public const string Id = "qed";

    /// <inheritdoc/>
    public override BackendInfo Info { get; } = new()
    {
        Id = Id,
        DisplayName = "QEMU Enhanced Disk",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.CreateDynamic | ImageCapabilities.Differencing | ImageCapabilities.Asynchronous
            | ImageCapabilities.File | ImageCapabilities.Options | ImageCapabilities.Discard | ImageCapabilities.WriteZeroes
            | ImageCapabilities.Check | ImageCapabilities.Repair | ImageCapabilities.Compact | ImageCapabilities.SetOpenFlags | ImageCapabilities.SetParent | ImageCapabilities.Grow | ImageCapabilities.Shrink | ImageCapabilities.Traverse | ImageCapabilities.Preferred,
        FileExtensions = [".qed"],
        Options = QedOptions.Descriptors,
        ProbeBytes = QedHeader.SizeBytes,
    };

    /// <inheritdoc/>
    /// <remarks>The four bytes of the magic decide; the reason says what more the header tells, or what is wrong with it.</remarks>
    public override ProbeResult Probe(in ProbeInput input) => QedProbe.Look(input);

    /// <inheritdoc/>
    /// <remarks>
    /// Read-only: nothing is examined but the header. Read-write: an image that is marked as not cleanly closed is checked in full, and refused when
    /// that finds damage; of others L1 is examined. Unknown autoclear bits and the mark of a check that found the image sound are cleared, durably, before anything else.
    /// </remarks>
    protected override async ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken) =>
        new QedImage(await QedOpener.OpenAsync<TIo>(Info, storage, options, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    /// <remarks>The size is rounded up to a multiple of 512. A geometry that QEMU cannot open is refused unless the option <c>qemu_compat=off</c> allows it.</remarks>
    protected override ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken) =>
        QedCreator.CreateAsync<TIo>(storage, options, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Exact for a conversion that writes these runs and nothing else: the tables and clusters that they touch.</remarks>
    public override ImageMeter CreateMeter(ImageCreateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new QedMeter(QedCreator.LayOut(options, "the image to be measured").Header);
    }

    /// <inheritdoc/>
    public override async ValueTask<CheckReport> CheckAsync(
        IImageStorage storage,
        CheckOptions options,
        IProgress<OperationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        (QedHeader header, _, long fileLengthBytes) = await QedHeaderFile.ReadAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false);
        if (options.Repair != RepairMode.None)
        {
            return await new QedRepair(storage, header, options, progress).RunAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        }

        QedChecker checker = new(storage, header, fileLengthBytes, options, progress);
        return await checker.RunAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
    }
}
