namespace QedVd.Backends.Qed;

/// <summary>
/// Header, features, tables and allocation of an image as text for people. What came from the image is escaped. Streams: what it holds and what it
/// prints do not grow with the image.
/// </summary>
internal static class QedDump
{
    /// <summary>Of more tables than this, only the sum is told.</summary>
    private const int MaxTables = 256;

    /// <summary>Writes all that stands in the storage. Reads all tables, with the calling thread.</summary>
    public static void Write(TextWriter output, IImageStorage storage, QedHeader header, ParentReference? parent)
    {
        long fileLengthBytes = storage.GetLength();
        WriteHeader(output, storage.Name, header, parent, fileLengthBytes);
        WriteL1(output, storage, header, fileLengthBytes);
        WriteL2(output, storage, header, fileLengthBytes);
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

    private static void WriteL2(TextWriter output, IImageStorage storage, QedHeader header, long fileLengthBytes)
    {
        QedGeometry geometry = header.Geometry;
        QedReferenceRules rules = new(header, fileLengthBytes);
        MetadataWalk walk = new(storage, header);
        StorageHoles holes = new(storage, rememberHoles: true);
        EntryCounts sum = new();
        long tables = 0;
        long failed = 0;
        long tablesEnd = header.L1TableEnd;
        SyncIo.Complete(L1Stream.VisitAsync<SyncIo>(
            walk,
            (index, value) =>
            {
                if (rules.CheckTable(value) != QedReferenceProblem.None)
                {
                    return;
                }

                EntryCounts counts = new();
                bool isWhole = CountTable(walk, geometry, rules, holes, counts);
                failed += isWhole ? 0 : 1;
                sum.Add(counts);
                tablesEnd = Math.Max(tablesEnd, (long)value + geometry.TableBytes);
                if (tables++ < MaxTables)
                {
                    output.WriteLine($"  table          L1 entry {index} at {value}: {Describe(counts, geometry.EntriesPerTable)}{(isWhole ? "" : "; could not be read in whole")}");
                }
            },
            static _ => { },
            CancellationToken.None));
        if (tables > MaxTables)
        {
            output.WriteLine($"  table          and {tables - MaxTables} more");
        }

        output.WriteLine($"L2               {tables} tables, {tables * geometry.TableBytes} bytes{(failed == 0 ? "" : $", {failed} could not be read in whole")}: {Describe(sum, tables * geometry.EntriesPerTable)}");
        output.WriteLine($"data             {sum.Allocated * geometry.ClusterBytes} bytes in clusters, {sum.HoleBytes} of them holes of the file");
        long end = Math.Max(tablesEnd, sum.EndOffset);
        long behind = Math.Max(0, fileLengthBytes - end);
        output.WriteLine($"end              what is in use ends at {end}; {(behind == 0 ? "nothing" : $"{behind} bytes")} behind it");
    }

    /// <summary>False when a part of the table could not be read.</summary>
    private static bool CountTable(MetadataWalk walk, QedGeometry geometry, in QedReferenceRules rules, StorageHoles holes, EntryCounts counts)
    {
        bool isWhole = true;
        while (true)
        {
            try
            {
                if (!SyncIo.Complete(walk.NextEntriesAsync<SyncIo>(CancellationToken.None)))
                {
                    return isWhole;
                }
            }
            catch (ImageException)
            {
                isWhole = false;
                continue;
            }

            counts.Add(walk.Entries, geometry, rules, holes);
        }
    }

    private static string Describe(EntryCounts counts, long entries)
    {
        long free = entries - counts.Allocated - counts.Zero - counts.Invalid;
        double fragmented = counts.Allocated == 0 ? 0 : 100.0 * counts.Fragmented / counts.Allocated;
        return string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{counts.Allocated} allocated ({fragmented:0.00} % fragmented), {counts.Zero} zero, {free} free, {counts.Invalid} invalid");
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
