namespace QedVd.Backends.Qed;

/// <summary>Header, features and L1 of an image as text for people. What came from the image is escaped.</summary>
internal static class QedDump
{
    /// <summary>Writes all that stands in the storage. Reads L1, with the calling thread.</summary>
    public static void Write(TextWriter output, IImageStorage storage, QedHeader header, ParentReference? parent)
    {
        long fileLengthBytes = storage.GetLength();
        WriteHeader(output, storage.Name, header, parent, fileLengthBytes);
        WriteL1(output, storage, header, fileLengthBytes);
    }

    private static void WriteHeader(TextWriter output, string name, QedHeader header, ParentReference? parent, long fileLengthBytes)
    {
        QedGeometry geometry = header.Geometry;
        output.WriteLine($"QED image        {QedText.Escape(name)}");
        output.WriteLine($"file             {fileLengthBytes} bytes, {fileLengthBytes >> geometry.ClusterBits} whole clusters");
        output.WriteLine($"disk             {header.VirtualSizeBytes} bytes, {geometry.ClustersFor(header.VirtualSizeBytes)} clusters (the tables reach to {geometry.MaxVirtualSizeBytes})");
        output.WriteLine($"cluster_size     {geometry.ClusterBytes}");
        output.WriteLine($"table_size       {geometry.TableClusters} clusters, {geometry.TableBytes} bytes, {geometry.EntriesPerTable} entries; one L2 table describes {geometry.BytesPerL2} bytes");
        output.WriteLine($"header_size      {header.HeaderClusters} clusters, {header.HeaderAreaBytes} bytes");
        output.WriteLine($"features         0x{header.Features:x}{Names(header.Features)}");
        output.WriteLine($"compat           0x{header.CompatFeatures:x}");
        output.WriteLine($"autoclear        0x{header.AutoclearFeatures:x}");
        output.WriteLine($"l1_table_offset  {header.L1TableOffset}");
        output.WriteLine($"backing name     {(parent is null ? "none" : $"{header.BackingNameSize} bytes at {header.BackingNameOffset}: {QedText.Escape(parent.NameBytes)}")}");
        foreach (string warning in QedWarnings.Of(header, fileLengthBytes))
        {
            output.WriteLine($"warning          {warning}");
        }
    }

    private static void WriteL1(TextWriter output, IImageStorage storage, QedHeader header, long fileLengthBytes)
    {
        QedReferenceRules rules = new(header, fileLengthBytes);
        long tables = 0;
        long invalid = 0;
        long beyond = 0;
        long failed = 0;
        int used = header.Geometry.L1EntriesFor(header.VirtualSizeBytes);
        SyncIo.Complete(L1Stream.VisitAsync<SyncIo>(
            new MetadataWalk(storage, header),
            (index, value) =>
            {
                bool isValid = rules.CheckTable(value) == QedReferenceProblem.None;
                tables += isValid ? 1 : 0;
                invalid += isValid ? 0 : 1;
                beyond += index >= used ? 1 : 0;
            },
            _ => failed++,
            CancellationToken.None));
        output.WriteLine($"L1               {tables} of {used} entries in use name an L2 table, {invalid} are invalid, {beyond} lie beyond the disk's end");
        if (failed > 0)
        {
            output.WriteLine("L1               could not be read in whole");
        }
    }

    private static string Names(ulong features)
    {
        List<string> names = [];
        if ((features & QedFeatures.BackingFile) != 0)
        {
            names.Add("BACKING_FILE");
        }

        if ((features & QedFeatures.NeedCheck) != 0)
        {
            names.Add("NEED_CHECK");
        }

        if ((features & QedFeatures.BackingFormatNoProbe) != 0)
        {
            names.Add("BACKING_FORMAT_NO_PROBE");
        }

        return names.Count == 0 ? "" : $" ({string.Join(", ", names)})";
    }
}
