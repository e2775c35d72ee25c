namespace QedVd.ChainKit;

/// <summary>A chain on which every operation of <see cref="FullVolume"/> needs room: each level holds what no other one does, and some must grow.</summary>
internal static class FullVolumePlan
{
    private const int Levels = 4;
    private const int UnitBytes = 8192;
    private const int OwnUnits = 2;
    private const int SharedUnits = 5;
    private const int SharedChanges = 3;

    /// <remarks>
    /// Shared units come first, which all levels change at random; then each level's own. Beneath the top lies the longest level, with data at its end: the top, whose
    /// end is inside of a cluster there, must take that cluster up when it grows.
    /// </remarks>
    public static ChainPlan Draw(Random random)
    {
        const int OwnStart = SharedUnits * UnitBytes;
        const int Base = OwnStart + (Levels * OwnUnits * UnitBytes);
        long[] sizes = [Base, Base + (random.Next(UnitBytes / 512) * 512), Base + (3 * UnitBytes), Base + UnitBytes + 512];
        int[] units = [.. Enumerable.Range(0, Levels * OwnUnits)];
        random.Shuffle(units);
        return new ChainPlan
        {
            Levels = [.. sizes.Select((size, i) =>
            {
                int cluster = 4096 << random.Next(2);
                IEnumerable<GuestChange> own = units.Skip(i * OwnUnits).Take(OwnUnits).Select(unit => Data(random, OwnStart + (unit * UnitBytes), UnitBytes));
                IEnumerable<GuestChange> end = i == 2 ? [Data(random, Base, (int)(size - Base))] : [];
                return new LevelPlan
                {
                    Name = $"{i}.qed",
                    Format = "qed",
                    SizeBytes = size,
                    ClusterBytes = cluster,
                    TableClusters = 2,
                    Changes = [.. own, .. end, .. ChainPlan.DrawChanges(random, OwnStart, cluster, SharedChanges)],
                };
            })],
        };
    }

    private static GuestChange Data(Random random, long offset, int lengthBytes) => new(GuestChangeKind.Data, offset, lengthBytes, random.NextInt64());
}
