namespace QedVd.Backends.Qed;

/// <summary>What a disk has more after it has grown, in clusters and L1 entries of the tables that it will have then.</summary>
/// <param name="FirstCluster">The first cluster that lies wholly behind the old end.</param>
/// <param name="EndCluster">Behind the last one.</param>
/// <param name="MarkEnd">Clusters below this need a zero marker, because something beneath reaches there.</param>
/// <param name="FirstTable">The first L1 entry that describes nothing but new clusters.</param>
/// <param name="EndTable">Behind the last one.</param>
/// <param name="MarkEndTable">L1 entries below this need a table, for the markers.</param>
internal readonly record struct NewPart(long FirstCluster, long EndCluster, long MarkEnd, int FirstTable, int EndTable, int MarkEndTable)
{
    public static NewPart Of(QedGeometry geometry, long oldSizeBytes, long newSizeBytes, Beneath beneath)
    {
        long first = geometry.ClustersFor(oldSizeBytes);
        long end = geometry.ClustersFor(newSizeBytes);
        long markEnd = beneath.Kind switch
        {
            BeneathKind.Nothing => first,
            BeneathKind.UpTo => Math.Clamp(geometry.ClustersFor(beneath.LengthBytes), first, end),
            _ => end,
        };
        int firstTable = geometry.L1EntriesFor(oldSizeBytes);
        int markEndTable = markEnd == first ? firstTable : Math.Max(firstTable, (int)((markEnd - 1) >> geometry.EntryBits) + 1);
        return new NewPart(first, end, markEnd, firstTable, geometry.L1EntriesFor(newSizeBytes), markEndTable);
    }

    /// <summary>Whether the first new cluster is described by a table that describes old ones too.</summary>
    public bool SharesTable(QedGeometry geometry) => (FirstCluster & (geometry.EntriesPerTable - 1)) != 0;
}
