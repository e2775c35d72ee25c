namespace QedVd.ChainKit;

/// <summary>A chain to be made: what is drawn from a seed. The same seed, the same chain.</summary>
public sealed record ChainPlan
{
    private const int Sector = 512;
    private const long High = 1L << 30;
    private const int MostAttempts = 200_000;

    /// <summary>Base first.</summary>
    public required IReadOnlyList<LevelPlan> Levels { get; init; }

    public ChainTraits Traits => Find();

    /// <summary>For messages.</summary>
    public string Description => string.Join(" <- ", Levels.Select(level =>
        $"{level.Name} ({level.SizeBytes}{(level.Format == "raw" ? "" : $", {level.ClusterBytes}x{level.TableClusters}")}, {level.Changes.Count} changes)"));

    /// <summary>Draws until a chain is as the options want it.</summary>
    public static ChainPlan Draw(Random random, ChainPlanOptions options)
    {
        for (int i = 0; i < MostAttempts; i++)
        {
            ChainPlan plan = DrawOnce(random, options);
            if ((plan.Traits & options.Required) == options.Required && (plan.Traits & options.Excluded) == 0)
            {
                return plan;
            }
        }

        throw new InvalidOperationException($"No chain of {options.LeastLevels} to {options.MostLevels} levels is {options.Required} and not {options.Excluded}.");
    }

    /// <summary>Draws changes of a guest around the edges of blocks, and at the end of the disk.</summary>
    public static IReadOnlyList<GuestChange> DrawChanges(Random random, long sizeBytes, int blockBytes, int count, bool wholeSectors = false) =>
        [.. Enumerable.Range(0, count).Select(_ => DrawChange(random, sizeBytes, blockBytes, wholeSectors))];

    private static ChainPlan DrawOnce(Random random, ChainPlanOptions options)
    {
        int count = random.Next(options.LeastLevels, options.MostLevels + 1);
        bool reachesHigh = options.Required.HasFlag(ChainTraits.HighOffset);
        var levels = new List<LevelPlan>();
        long size = 0;
        for (int i = 0; i < count; i++)
        {
            bool isRaw = i == 0 && random.Next(3) == 0;
            (int cluster, int table) = DrawGeometry(random, options, reachesHigh);
            size = i == 0 ? DrawSize(random, options.MostBytes, reachesHigh) : random.Next(5) switch
            {
                0 or 1 => size,
                2 => Math.Max(Sector, size / 2 / Sector * Sector),
                3 => size + (random.Next(1, 400) * Sector),
                _ => DrawSize(random, options.MostBytes, reachesHigh),
            };
            int changes = random.Next(6) == 0 && i > 0 ? 0 : random.Next(1, options.MostChanges + 1);
            int block = isRaw ? 4096 : cluster;
            levels.Add(new LevelPlan
            {
                Name = $"{options.NamePrefix}{i}.{(isRaw ? "raw" : "qed")}",
                Format = isRaw ? "raw" : "qed",
                SizeBytes = size,
                ClusterBytes = cluster,
                TableClusters = table,
                Changes = DrawChanges(random, size, block, changes, options.ForQemu),
            });
        }

        return new ChainPlan { Levels = levels };
    }

    private static (int Cluster, int Table) DrawGeometry(Random random, ChainPlanOptions options, bool reachesHigh)
    {
        int cluster = random.Next(8) switch
        {
            0 or 1 or 2 => 4096,
            3 => 8192,
            4 or 5 => 16384,
            6 => 65536,
            _ => 4096 << random.Next(10),
        };
        cluster = Math.Min(cluster, options.MostClusterBytes);
        int least = options.ForQemu || reachesHigh ? 1 : 0;
        int most = cluster >= 1 << 20 ? 1 : 4;
        return (cluster, 1 << random.Next(least, most + 1));
    }

    private static long DrawSize(Random random, int mostBytes, bool reachesHigh) =>
        (random.Next(1, mostBytes / Sector + 1) * (long)Sector) + (reachesHigh ? High + (random.Next(3) * High / 2) : 0);

    private static GuestChange DrawChange(Random random, long sizeBytes, int blockBytes, bool wholeSectors)
    {
        long blocks = (sizeBytes / blockBytes) + 1;
        long start = random.Next(5) switch
        {
            0 => random.NextInt64(sizeBytes),
            1 or 2 => random.NextInt64(blocks) * blockBytes,
            3 => (random.NextInt64(blocks) * blockBytes) + random.Next(-3 * Sector, 3 * Sector),
            _ => sizeBytes - random.NextInt64(Math.Min(sizeBytes, 2L * blockBytes)),
        };
        int length = random.Next(4) switch
        {
            0 => random.Next(1, 5000),
            1 => blockBytes,
            2 => random.Next(1, Math.Min(2 * blockBytes, 1 << 20) + 1),
            _ => (Math.Min(blockBytes, 1 << 18) * random.Next(1, 4)) + random.Next(0, 1000),
        };
        start = Math.Clamp(start, 0, sizeBytes - 1);
        length = (int)Math.Min(length, sizeBytes - start);
        if (wholeSectors)
        {
            long end = (start + length + Sector - 1) / Sector * Sector;
            start = start / Sector * Sector;
            length = (int)(end - start);
        }

        GuestChangeKind kind = random.Next(8) switch { 0 or 1 => GuestChangeKind.Zero, 2 => GuestChangeKind.ZeroUnmap, 3 => GuestChangeKind.Discard, _ => GuestChangeKind.Data };
        return new GuestChange(kind, start, length, random.NextInt64());
    }

    private ChainTraits Find()
    {
        ChainTraits traits = Levels[0].Format == "raw" ? ChainTraits.RawBase : ChainTraits.None;
        traits |= Levels.Count > 1 && Levels.All(level => level.Changes.Any(change => IsZeroOfWholeBlocks(change, level))) ? ChainTraits.ZeroAtEveryLevel : 0;
        for (int i = 0; i < Levels.Count; i++)
        {
            LevelPlan level = Levels[i];
            LevelPlan? parent = i > 0 ? Levels[i - 1] : null;
            LevelPlan? child = i + 1 < Levels.Count ? Levels[i + 1] : null;
            traits |= level.SizeBytes % level.BlockBytes != 0 ? ChainTraits.UnalignedEnd : 0;
            traits |= level.Changes.Any(change => change.Kind == GuestChangeKind.Discard) ? ChainTraits.Discarded : 0;
            traits |= level.Changes.Any(change => change.Kind == GuestChangeKind.Data && change.EndBytes > High) ? ChainTraits.HighOffset : 0;
            if (parent is null)
            {
                continue;
            }

            traits |= parent.SizeBytes < level.SizeBytes ? ChainTraits.ParentShorter : 0;
            traits |= parent.SizeBytes > level.SizeBytes ? ChainTraits.ParentLonger : 0;
            traits |= parent.SizeBytes < level.SizeBytes && parent.SizeBytes % level.BlockBytes != 0 ? ChainTraits.ParentEndsInsideCluster : 0;
            traits |= parent.Format == "qed" && parent.ClusterBytes != level.ClusterBytes ? ChainTraits.MixedClusters : 0;
            traits |= parent.Format == "qed" && parent.ClusterBytes > level.ClusterBytes ? ChainTraits.LargerBeneath : 0;
            traits |= parent.Format == "qed" && parent.ClusterBytes < level.ClusterBytes ? ChainTraits.SmallerBeneath : 0;
            traits |= level.Changes.Count == 0 && child is not null ? ChainTraits.EmptyLevel : 0;
            traits |= child is not null && level.SizeBytes < child.SizeBytes && Levels.Take(i).Any(below => HoldsDataFrom(below, level.SizeBytes)) ? ChainTraits.ShorterInBetween : 0;
            GuestChange[] hiding = [.. ZerosOverData(i)];
            traits |= hiding.Length > 0 ? ChainTraits.ZeroHidesData : 0;
            traits |= Levels.Skip(i + 1).Any(above => above.Changes.Any(change => change.Kind == GuestChangeKind.Data && hiding.Any(zero => Overlap(change, zero)))) ? ChainTraits.DataOverZero : 0;
        }

        return traits;
    }

    private IEnumerable<GuestChange> ZerosOverData(int index) =>
        Levels[index].Changes.Where(change =>
            IsZeroOfWholeBlocks(change, Levels[index])
            && Levels.Take(index).Any(below => below.Changes.Any(data => data.Kind == GuestChangeKind.Data && Overlap(data, change))));

    private static bool IsZeroOfWholeBlocks(GuestChange change, LevelPlan level) =>
        change.Kind is GuestChangeKind.Zero or GuestChangeKind.ZeroUnmap && change.CoversBlock(level.BlockBytes);

    private static bool Overlap(GuestChange one, GuestChange other) => one.Offset < other.EndBytes && other.Offset < one.EndBytes;

    private static bool HoldsDataFrom(LevelPlan level, long offset) => level.Changes.Any(change => change.Kind == GuestChangeKind.Data && change.EndBytes > offset);
}
