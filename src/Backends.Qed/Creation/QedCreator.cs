namespace QedVd.Backends.Qed;

/// <summary>Writes an empty image: header, parent's name behind it, an L1 table of zeros.</summary>
internal static class QedCreator
{
    /// <summary>An L1 up to this size takes all its room at once; of a larger one, the part that the disk uses.</summary>
    private const long WholeL1Bytes = 1 << 20;

    private const long RoomUnitBytes = 4096;

    public static async ValueTask CreateAsync<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        (QedHeader header, byte[] start) = LayOut(options, storage.Name);
        long length = storage.GetLength();
        if (length != 0)
        {
            throw new ImageException(ImageErrorKind.AlreadyExists, $"{storage.Name}: not created: the target has {length} bytes already; a new image needs an empty one.", storage.Name, "create");
        }

        if (storage.IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{storage.Name}: not created: the target is open for reading only.", storage.Name, "create");
        }

        long tableBytes = header.Geometry.TableBytes;
        long usedBytes = (long)header.Geometry.L1EntriesFor(header.VirtualSizeBytes) * QedGeometry.EntryBytes;
        long roomBytes = tableBytes <= WholeL1Bytes ? tableBytes : Math.Min(tableBytes, (usedBytes + RoomUnitBytes - 1) & -RoomUnitBytes);
        await TIo.WriteAsync(storage, 0, new IoBuffer(start.AsMemory()), cancellationToken).ConfigureAwait(false);
        if (roomBytes > 0)
        {
            await TIo.AllocateAsync(storage, header.L1TableOffset, roomBytes, cancellationToken).ConfigureAwait(false);
        }

        if (roomBytes < tableBytes)
        {
            await TIo.SetLengthAsync(storage, header.L1TableEnd, cancellationToken).ConfigureAwait(false);
        }

        await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Decides everything before a byte is written.</summary>
    /// <returns>The header, and the bytes at the start of the file: the header and the parent's name.</returns>
    public static (QedHeader Header, byte[] Start) LayOut(ImageCreateOptions options, string name)
    {
        QedOptions.RefuseUnknown(options.FormatOptions, isCreation: true, name);
        QedGeometry geometry = QedOptions.ReadGeometry(options.FormatOptions, options.VirtualSizeBytes, name);
        long size = RoundSize(options.VirtualSizeBytes, geometry, name);
        if (QedOptions.ReadQemuCompat(options.FormatOptions, name))
        {
            RefuseForQemu(geometry, size, name);
        }

        ParentReference? parent = QedOptions.ReadParent(options, name);
        ReadOnlySpan<byte> parentName = parent is null ? default : parent.NameBytes;
        if (parent is not null)
        {
            ParentName.Check(parentName, name, "create");
        }

        int startBytes = QedHeader.SizeBytes + parentName.Length;
        uint headerClusters = (uint)geometry.ClustersFor(startBytes);
        QedHeader header = new()
        {
            Geometry = geometry,
            HeaderClusters = headerClusters,
            Features = parent is null ? 0 : QedFeatures.BackingFile | (parent.IsRaw ? QedFeatures.BackingFormatNoProbe : 0),
            L1TableOffset = headerClusters * geometry.ClusterBytes,
            VirtualSizeBytes = size,
            BackingNameOffset = parent is null ? 0u : QedHeader.SizeBytes,
            BackingNameSize = (uint)parentName.Length,
        };

        // The whole header area, so that nothing in it is left to chance.
        byte[] start = new byte[Math.Min(header.HeaderAreaBytes, (startBytes + RoomUnitBytes - 1) & -RoomUnitBytes)];
        header.WriteTo(start);
        parentName.CopyTo(start.AsSpan(QedHeader.SizeBytes));
        return (header, start);
    }

    private static long RoundSize(long sizeBytes, QedGeometry geometry, string name)
    {
        if (sizeBytes < 0 || sizeBytes > geometry.MaxVirtualSizeBytes)
        {
            throw QedOptions.Invalid(
                name,
                isCreation: true,
                $"the size is {sizeBytes}; allowed: 0 to {geometry.MaxVirtualSizeBytes} with clusters of {geometry.ClusterBytes} bytes and tables of {geometry.TableClusters} clusters");
        }

        // The maximum is a multiple too, so that this cannot overflow.
        long over = sizeBytes % QedGeometry.SectorBytes;
        return over == 0 ? sizeBytes : sizeBytes - over + QedGeometry.SectorBytes;
    }

    private static void RefuseForQemu(QedGeometry geometry, long sizeBytes, string name)
    {
        if (geometry.TableBits == 0)
        {
            throw QedOptions.Invalid(
                name,
                isCreation: true,
                $"{QedOptions.TableSize} is 1, which QEMU cannot open (it takes a table of one cluster for an overflow); take 2 or more, or {QedOptions.QemuCompat}=off");
        }

        if (!geometry.IsUsableByQemu && sizeBytes > 0)
        {
            throw QedOptions.Invalid(
                name,
                isCreation: true,
                $"{QedOptions.ClusterSize} {geometry.ClusterBytes} with {QedOptions.TableSize} {geometry.TableClusters} cannot be opened by QEMU (what the tables address exceeds 64 bits there); take smaller ones, or {QedOptions.QemuCompat}=off");
        }
    }
}
