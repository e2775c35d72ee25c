namespace QedVd.Backends.Qed;

/// <summary>
/// The policy of opening. Nothing is written before everything that decides has been looked at; a read-only opening writes nothing at all.
/// </summary>
internal static class QedOpener
{
    public static async ValueTask<QedImageStart> OpenAsync<TIo>(
        BackendInfo backend,
        IImageStorage storage,
        ImageOpenOptions options,
        CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        QedOptions.RefuseUnknown(options.FormatOptions, isCreation: false, storage.Name);
        (QedHeader header, ParentReference? parent, long fileLengthBytes) =
            await QedHeaderFile.ReadAsync<TIo>(storage, cancellationToken).ConfigureAwait(false);

        List<string> warnings = QedWarnings.Of(header, fileLengthBytes);
        QedImageStart start = new()
        {
            Backend = backend,
            Storage = storage,
            Header = header,
            Parent = parent,
            Options = options,
            FileLengthBytes = fileLengthBytes,
            Warnings = warnings,
        };
        if ((options.Flags & ImageOpenFlags.Info) != 0)
        {
            WarnOfFence(storage, warnings);
            return start;
        }

        return start.IsReadOnly
            ? await OpenForReadingAsync<TIo>(start, warnings, cancellationToken).ConfigureAwait(false)
            : await OpenForWritingAsync<TIo>(start, warnings, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<QedImageStart> OpenForReadingAsync<TIo>(QedImageStart start, List<string> warnings, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (WarnOfFence(start.Storage, warnings))
        {
            CheckReport report = await CheckAsync<TIo>(start, cancellationToken).ConfigureAwait(false);
            if (!report.IsSound)
            {
                warnings.Add($"the check after that found {report.Corruptions} corruptions and {report.CheckErrors} tables that cannot be read");
            }
        }

        return start;
    }

    private static async ValueTask<QedImageStart> OpenForWritingAsync<TIo>(QedImageStart start, List<string> warnings, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        IImageStorage storage = start.Storage;
        QedHeader header = start.Header;
        if (storage.IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{storage.Name}: the file is open for reading only; open the image read-only.", storage.Name, "open");
        }

        if (header.NeedsCheck && (start.Options.Flags & ImageOpenFlags.SkipConsistencyChecks) != 0)
        {
            throw ImageException.NotSupported("writing to an image that was not closed cleanly (NEED_CHECK) without checking it first", storage.Name);
        }

        long growthLimit = long.MaxValue;
        KnownTables? tables = null;
        bool isFenced = WarnOfFence(storage, warnings);
        if (header.NeedsCheck || isFenced)
        {
            CheckReport report = await CheckAsync<TIo>(start, cancellationToken).ConfigureAwait(false);
            if (!report.IsSound)
            {
                throw QedRefusal.Of(storage.Name, report);
            }

            if (report.Leaks > 0)
            {
                warnings.Add($"the check that was due found {report.Leaks} leaked clusters and no damage");
            }
        }
        else
        {
            L1Examination examination = new(storage, header, start.FileLengthBytes);
            tables = await examination.RunAsync<TIo>(cancellationToken).ConfigureAwait(false);
            growthLimit = examination.GrowthLimitBytes;
            if (examination.Warning is { } warning)
            {
                warnings.Add(warning);
            }
        }

        return start with
        {
            Header = await SettleHeaderAsync<TIo>(storage, header, cancellationToken).ConfigureAwait(false),
            GrowthLimitBytes = growthLimit,
            Tables = tables,
        };
    }

    /// <summary>Clears what the first opening for writing has to clear, in one sector, before anything else is changed.</summary>
    private static async ValueTask<QedHeader> SettleHeaderAsync<TIo>(IImageStorage storage, QedHeader header, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!header.NeedsCheck && header.UnknownAutoclearFeatures == 0)
        {
            return header;
        }

        if (header.NeedsCheck)
        {
            // What the check has seen must be durable before the mark goes.
            await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
        }

        QedHeader settled = header with
        {
            Features = header.Features & ~QedFeatures.NeedCheck,
            AutoclearFeatures = header.AutoclearFeatures & QedFeatures.KnownAutoclear,
        };
        await QedHeaderFile.WriteAsync<TIo>(storage, settled, cancellationToken).ConfigureAwait(false);
        await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
        return settled;
    }

    private static ValueTask<CheckReport> CheckAsync<TIo>(QedImageStart start, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        new QedChecker(start.Storage, start.Header, start.FileLengthBytes, new CheckOptions { MaxReportedFindings = 100 }).RunAsync<TIo>(cancellationToken);

    private static bool WarnOfFence(IImageStorage storage, List<string> warnings)
    {
        if (storage.EarlierFence is not { } fence)
        {
            return false;
        }

        warnings.Add(QedWarnings.Of(fence));
        return true;
    }
}
