namespace QedVd.Host;

/// <summary>Reads the headers of files that may be images, or anything else, and may be changing meanwhile: no locks, nothing written, no parent opened.</summary>
internal sealed class HeaderReader(ImageOpener opener)
{
    // An image that another program is writing can look broken at one moment.
    private const int Attempts = 2;

    /// <summary>Reads the header of a regular file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="root">The folder that links may not lead out of; null: anywhere.</param>
    /// <param name="formatId">The format to open it as; null: the one that a backend is certain about, if any.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ImageException">The file itself cannot be opened or read. What is wrong with the image in it is in <see cref="ImageHeader.Error"/>.</exception>
    public async ValueTask<ImageHeader> ReadAsync(string path, string? root, string? formatId, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ImageHeader header = await ReadOnceAsync(path, root, formatId, cancellationToken).ConfigureAwait(false);
            if (header.Error is null || attempt == Attempts)
            {
                return header;
            }
        }
    }

    private async ValueTask<ImageHeader> ReadOnceAsync(string path, string? root, string? formatId, CancellationToken cancellationToken)
    {
        FileStorage? storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None, BeneathRoot = root });
        try
        {
            ProbeReport report = await opener.ProbeAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false);
            var header = new ImageHeader
            {
                Identity = storage.Identity,
                FileLengthBytes = report.LengthBytes,
                Report = report,
                FormatId = formatId ?? report.BestForWriting?.FormatId,
            };
            if (header.FormatId is null)
            {
                return header with { Parent = await ForeignParent.ReadAsync(storage, report, cancellationToken).ConfigureAwait(false) };
            }

            FileStorage given = storage;
            storage = null;
            return await OpenAsync(given, path, header, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            storage?.Dispose();
        }
    }

    private async ValueTask<ImageHeader> OpenAsync(FileStorage storage, string path, ImageHeader header, CancellationToken cancellationToken)
    {
        Level? level = null;
        try
        {
            var options = new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly | ImageOpenFlags.Info | ImageOpenFlags.Shareable };
            level = await opener.OpenAsync<AsyncIo>(storage, path, header.FormatId!, options, cancellationToken).ConfigureAwait(false);
            return header with
            {
                VirtualSizeBytes = level.Image.VirtualSizeBytes,
                AllocatedBytes = level.Image.GetFileSize().AllocatedBytes,
                Flags = level.Image.Flags,
                Parent = level.Image.Parent is { NameBytes.IsEmpty: false } parent ? parent : null,
                Warnings = [.. level.Warnings.Concat(level.Image.Warnings).Select(DisplayText.Escape)],
            };
        }
        catch (ImageException exception)
        {
            return header with { Error = exception };
        }
        catch (Exception exception) when (level is not null && BackendFault.Is(exception, cancellationToken))
        {
            // One backend's mistake must not end the look at a whole folder.
            return header with { Error = level.Fault("scanning", null, exception) };
        }
        finally
        {
            if (level is not null)
            {
                await VirtualDisk.CloseLevelsAsync<AsyncIo>([level]).ConfigureAwait(false);
            }
        }
    }
}
