using System.Numerics;
using System.Text;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>Draws valid images: geometries, sizes, names, flags, tables and clusters in any order, leaks, holes, a part of a cluster at the end.</summary>
internal static class ImageGenerator
{
    /// <summary>The parent that every image with one names.</summary>
    public const string ParentName = "base.raw";

    private const ulong BackingFile = 1;
    private const ulong NeedCheck = 2;
    private const ulong NoProbe = 4;
    private const int MostSlots = 48;
    private const int EdgeBytes = 4096;

    public static ImagePlan Next(Random random, GeometryClass geometry)
    {
        (long cluster, int table) = DrawGeometry(random, geometry);
        long entries = cluster * table / 8;
        long size = DrawSize(random, cluster, entries);
        uint headerClusters = random.Next(6) == 0 ? (uint)random.Next(2, 4) : 1;
        bool hasParent = random.Next(3) == 0;
        ulong features = (hasParent ? BackingFile | (random.Next(2) == 0 ? NoProbe : 0) : 0) | (random.Next(6) == 0 ? NeedCheck : 0);

        // Behind the header area L1 stands first, as QEMU has it, or somewhere behind other things.
        int slots = random.Next(MostSlots);
        int before = random.Next(6) == 0 ? random.Next(4) : 0;
        long l1 = cluster * (headerClusters + before);
        ImagePlan plan = new()
        {
            Geometry = geometry,
            ClusterBytes = cluster,
            TableClusters = table,
            VirtualSizeBytes = size,
            L1Offset = l1,
            NameBytes = hasParent ? ParentName.Length : 0,
            Recipe = new ImageRecipe(),
        };
        WriteHeader(plan, random, headerClusters, features);
        long end = Fill(plan, random, [.. Enumerable.Range((int)headerClusters, before).Select(slot => slot * cluster)], l1 + plan.TableBytes, slots);
        plan.Recipe.LengthBytes = end + (random.Next(6) == 0 ? random.NextInt64(1, cluster) : 0);
        return plan;
    }

    private static (long Cluster, int Table) DrawGeometry(Random random, GeometryClass geometry) => geometry switch
    {
        GeometryClass.SmallOneClusterTables => (4096, 1),
        GeometryClass.Small => (4096, 2 << random.Next(2)),
        GeometryClass.SmallLargeTables => (4096 << random.Next(2), 8 << random.Next(2)),
        GeometryClass.Usual => (16384 << random.Next(4), 1 << random.Next(4)),
        _ => (262144 << random.Next(3), 1 << random.Next(3)),
    };

    private static long DrawSize(Random random, long cluster, long entries)
    {
        // As large as the tables allow, where no signed number of 64 bits is in the way.
        int bits = (2 * BitOperations.Log2((ulong)entries)) + BitOperations.Log2((ulong)cluster);
        long most = bits > 62 ? long.MaxValue - 511 : 1L << bits;
        long size = random.Next(12) switch
        {
            0 => random.Next(4) * 512L,
            1 => cluster + (512L * random.Next(-1, 2)),
            2 => most - (512L * random.Next(3)),
            3 or 4 => (entries * cluster * random.Next(1, 4)) + (512L * random.Next(-1, 2)),
            5 => random.NextInt64(most / 512) * 512,
            _ => random.NextInt64(1, 64 * cluster / 512) * 512,
        };
        return Math.Min(size, most);
    }

    private static void WriteHeader(ImagePlan plan, Random random, uint headerClusters, ulong features)
    {
        ImageRecipe recipe = plan.Recipe;
        recipe.U32(0, 0x00444551);
        recipe.U32(4, (uint)plan.ClusterBytes);
        recipe.U32(8, (uint)plan.TableClusters);
        recipe.U32(12, headerClusters);
        recipe.U64(16, features);
        if (random.Next(12) == 0)
        {
            recipe.U64(24, 1UL << random.Next(64));
        }

        if (random.Next(12) == 0)
        {
            recipe.U64(32, 1UL << random.Next(64));
        }

        recipe.U64(40, (ulong)plan.L1Offset);
        recipe.U64(48, (ulong)plan.VirtualSizeBytes);
        if (plan.NameBytes > 0)
        {
            int at = random.Next(3) == 0 ? random.Next(64, (int)plan.ClusterBytes - plan.NameBytes + 1) : 64;
            recipe.U32(56, (uint)at);
            recipe.U32(60, (uint)plan.NameBytes);
            recipe.Hex(at, Encoding.UTF8.GetBytes(ParentName));
        }
    }

    /// <summary>Deals places out to tables and clusters; returns where the last one ends.</summary>
    private static long Fill(ImagePlan plan, Random random, long[] before, long next, int slots)
    {
        foreach (long place in before)
        {
            plan.Leaks.Add(place);
        }

        int l1InUse = plan.L1EntriesInUse;
        int tables = l1InUse == 0 || slots == 0 ? 0 : random.Next(Math.Min(l1InUse, 4) + 1);
        HashSet<int> indices = [];
        for (int i = 0; i < tables; i++)
        {
            indices.Add(random.Next(3) == 0 ? random.Next(l1InUse) : random.Next(4) == 0 ? l1InUse - 1 : Math.Min(i, l1InUse - 1));
        }

        List<int> pending = [.. indices];
        List<(int Table, int Index)> wanted = [];
        byte tag = 0;
        while (pending.Count > 0 || wanted.Count > 0)
        {
            next += Skip(plan, random, next);
            if (pending.Count > 0 && (wanted.Count == 0 || random.Next(3) == 0))
            {
                int l1Index = pending[^1];
                pending.RemoveAt(pending.Count - 1);
                plan.Tables.Add((l1Index, next));
                plan.Recipe.U64(plan.L1Offset + (l1Index * 8L), (ulong)next);
                next += plan.TableBytes;
                wanted.AddRange(DrawEntries(plan, random, plan.Tables.Count - 1, l1Index));
                continue;
            }

            (int table, int index) = wanted[0];
            wanted.RemoveAt(0);
            if (random.Next(6) == 0)
            {
                Link(plan, table, index, 1);
                continue;
            }

            long place = next;
            if (plan.Leaks.Count > 0 && random.Next(4) == 0)
            {
                place = plan.Leaks[^1];
                plan.Leaks.RemoveAt(plan.Leaks.Count - 1);
            }
            else
            {
                next += plan.ClusterBytes;
            }

            Link(plan, table, index, (ulong)place);
            WriteData(plan, random, place, unchecked(++tag == 0 ? ++tag : tag));
        }

        return next + Skip(plan, random, next);
    }

    private static long Skip(ImagePlan plan, Random random, long next)
    {
        if (random.Next(8) != 0)
        {
            return 0;
        }

        plan.Leaks.Add(next);
        if (random.Next(2) == 0)
        {
            plan.Recipe.Add(new RecipeLine(RecipeVerb.Fill, next, 0xEE, Math.Min(plan.ClusterBytes, EdgeBytes)));
        }

        return plan.ClusterBytes;
    }

    private static IEnumerable<(int Table, int Index)> DrawEntries(ImagePlan plan, Random random, int table, int l1Index)
    {
        long clusters = (plan.VirtualSizeBytes + plan.ClusterBytes - 1) / plan.ClusterBytes;
        int inUse = (int)Math.Min(plan.EntriesPerTable, clusters - ((long)l1Index * plan.EntriesPerTable));
        SortedSet<int> indices = [];
        for (int i = random.Next(5); i > 0; i--)
        {
            int at = random.Next(4) switch
            {
                0 => 0,
                1 => inUse - 1,
                2 => random.Next(Math.Min(inUse, 16)),
                _ => random.Next(inUse),
            };
            for (int run = random.Next(3) == 0 ? random.Next(1, 6) : 1; run > 0 && at < inUse; run--, at++)
            {
                indices.Add(at);
            }
        }

        return indices.Select(index => (table, index));
    }

    private static void Link(ImagePlan plan, int table, int index, ulong value)
    {
        plan.Entries.Add((table, index, value));
        plan.Recipe.U64(plan.Tables[table].Offset + (index * 8L), value);
    }

    /// <summary>Small clusters are filled; of large ones the edges, so that the middle is a hole.</summary>
    private static void WriteData(ImagePlan plan, Random random, long place, byte tag)
    {
        RecipeVerb verb = random.Next(4) == 0 ? RecipeVerb.Count : RecipeVerb.Fill;
        switch (random.Next(12))
        {
            case 0:
                break;
            case 1:
                plan.Recipe.Add(new RecipeLine(verb, place + 512, tag, 512));
                break;
            case < 10 when plan.ClusterBytes == EdgeBytes:
                plan.Recipe.Add(new RecipeLine(verb, place, tag, EdgeBytes));
                break;
            default:
                plan.Recipe.Add(new RecipeLine(verb, place, tag, EdgeBytes));
                plan.Recipe.Add(new RecipeLine(RecipeVerb.Fill, place + plan.ClusterBytes - 512, tag, 512));
                break;
        }
    }
}
