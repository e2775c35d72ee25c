using System.Text;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>Changes fields of an image to values at which programs go wrong.</summary>
internal sealed class ImageMutator(ImagePlan plan, Random random)
{
    private const long LongestFileBytes = 1L << 36;

    private static readonly string[] s_names =
    [
        "", ".", "..", "/", "../base.raw", "/etc/hostname", "./base.raw", "a/b", "base.raw\0x", "\u001b[2J", "a\nb", "json:{}", "nbd:unix:x", "file:base.raw", "fat:.", "con", "\u202egnp.exe", "mutated.qed", " ",
    ];

    private static readonly MutatedStructure[] s_likely =
    [
        MutatedStructure.L1Entry, MutatedStructure.L1Entry, MutatedStructure.L1Entry, MutatedStructure.L2Entry, MutatedStructure.L2Entry, MutatedStructure.L2Entry,
        MutatedStructure.FileLength, MutatedStructure.VirtualSize, MutatedStructure.L1Offset, MutatedStructure.AnyBits,
    ];

    /// <summary>A stratum for a further mutation: more often the tables, which every image is opened for, than the header, which decides at once.</summary>
    public MutationStratum Draw() => new(plan.Geometry, s_likely[random.Next(s_likely.Length)], (ValuePool)random.Next((int)ValuePool.FileEnd + 1));

    /// <summary>Changes a recipe that was made of the plan.</summary>
    public void Mutate(ImageRecipe recipe, MutationStratum stratum)
    {
        ValuePool pool = stratum.Pool;
        switch (stratum.Structure)
        {
            case MutatedStructure.Magic:
                SetField(recipe, 0, 4, 0x00444551, pool);
                break;
            case MutatedStructure.ClusterSize:
                SetField(recipe, 4, 4, (ulong)plan.ClusterBytes, pool);
                break;
            case MutatedStructure.TableSize:
                SetField(recipe, 8, 4, (ulong)plan.TableClusters, pool);
                break;
            case MutatedStructure.HeaderSize:
                SetField(recipe, 12, 4, 1, pool);
                break;
            case MutatedStructure.Features:
                SetField(recipe, 16, 8, 1, pool);
                break;
            case MutatedStructure.CompatFeatures:
                SetField(recipe, 24, 8, 0, pool);
                break;
            case MutatedStructure.AutoclearFeatures:
                SetField(recipe, 32, 8, 0, pool);
                break;
            case MutatedStructure.L1Offset:
                SetField(recipe, 40, 8, (ulong)plan.L1Offset, pool);
                break;
            case MutatedStructure.VirtualSize:
                SetField(recipe, 48, 8, (ulong)plan.VirtualSizeBytes, pool);
                break;
            case MutatedStructure.NameOffset:
                SetField(recipe, 56, 4, 64, pool);
                break;
            case MutatedStructure.NameSize:
                SetField(recipe, 60, 4, (ulong)plan.NameBytes, pool);
                break;
            case MutatedStructure.L1Entry:
                MutateL1(recipe, pool);
                break;
            case MutatedStructure.L2Entry:
                MutateL2(recipe, pool);
                break;
            case MutatedStructure.FileLength:
                recipe.LengthBytes = (long)Math.Min(DrawValue(pool, (ulong)recipe.LengthBytes, 0, Neighbours()), (ulong)LongestFileBytes);
                break;
            case MutatedStructure.Name:
                MutateName(recipe);
                break;
            default:
                FlipBits(recipe);
                break;
        }
    }

    private void MutateL1(ImageRecipe recipe, ValuePool pool)
    {
        int inUse = plan.L1EntriesInUse;
        int index = random.Next(5) switch
        {
            0 => random.Next(plan.EntriesPerTable),
            1 => plan.EntriesPerTable - 1,
            2 => Math.Min(inUse, plan.EntriesPerTable - 1),
            _ when plan.Tables.Count > 0 => plan.Tables[random.Next(plan.Tables.Count)].L1Index,
            _ => inUse > 0 ? random.Next(inUse) : 0,
        };
        ulong own = plan.Tables.Where(table => table.L1Index == index).Select(table => (ulong)table.Offset).FirstOrDefault();
        long place = plan.L1Offset + (index * 8L);
        recipe.U64(place, DrawValue(pool, own, random.Next(2) == 0 ? plan.L1Offset : place, [.. plan.Tables.Select(table => (ulong)table.Offset)]));
    }

    private void MutateL2(ImageRecipe recipe, ValuePool pool)
    {
        if (plan.Tables.Count == 0)
        {
            MutateL1(recipe, pool);
            return;
        }

        int table = random.Next(plan.Tables.Count);
        int index = random.Next(4) == 0 ? random.Next(plan.EntriesPerTable) : random.Next(Math.Min(plan.EntriesPerTable, 8));
        ulong own = 0;
        if (plan.Entries.Count > 0 && random.Next(4) != 0)
        {
            (table, index, own) = plan.Entries[random.Next(plan.Entries.Count)];
        }

        long place = plan.Tables[table].Offset + (index * 8L);
        recipe.U64(place, DrawValue(pool, own, random.Next(2) == 0 ? plan.Tables[table].Offset : place, [.. plan.Entries.Select(entry => entry.Value)]));
    }

    private void MutateName(ImageRecipe recipe)
    {
        byte[] name = Encoding.UTF8.GetBytes(s_names[random.Next(s_names.Length)]);
        if (random.Next(6) == 0)
        {
            name = new byte[1 << random.Next(13)];
            random.NextBytes(name);
        }

        recipe.U64(16, 1 | (ulong)(random.Next(2) * 4));
        recipe.U32(56, 64);
        recipe.U32(60, (uint)name.Length);
        if (name.Length > 0)
        {
            recipe.Hex(64, name);
        }
    }

    private void FlipBits(ImageRecipe recipe)
    {
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            long at = random.Next(4) switch
            {
                0 => random.Next(64),
                1 => plan.L1Offset + random.Next(Math.Min(512, (int)plan.TableBytes)),
                2 when plan.Tables.Count > 0 => plan.Tables[random.Next(plan.Tables.Count)].Offset + random.Next(128),
                _ => random.NextInt64(Math.Max(1, Math.Min(recipe.LengthBytes, plan.L1Offset + (4 * plan.TableBytes)))),
            };
            recipe.Add(new RecipeLine(RecipeVerb.Flip, at, (ulong)random.Next(8)));
        }
    }

    private void SetField(ImageRecipe recipe, long at, int width, ulong own, ValuePool pool)
    {
        ulong value = DrawValue(pool, own, at, Neighbours());
        if (width == 4)
        {
            recipe.U32(at, unchecked((uint)value));
        }
        else
        {
            recipe.U64(at, value);
        }
    }

    private ulong[] Neighbours() => [(ulong)plan.ClusterBytes, (ulong)plan.TableClusters, (ulong)plan.L1Offset, (ulong)plan.VirtualSizeBytes, (ulong)plan.NameBytes, 64, 1];

    private ulong DrawValue(ValuePool pool, ulong own, long place, ulong[] neighbours)
    {
        unchecked
        {
            ulong cluster = (ulong)plan.ClusterBytes;
            ulong table = (ulong)plan.TableBytes;
            ulong end = (ulong)plan.Recipe.LengthBytes;
            return pool switch
            {
                ValuePool.Small => Pick(0, 1, 2, 3, 4, 7, 8, 16, 63, 511, 512, 513, cluster - 1),
                ValuePool.NearOwn => own + Pick(1, ~0UL, 8, 512, 0 - 512UL, cluster, 0 - cluster, 2 * cluster, table, 0 - table),
                ValuePool.PowersOfTwo => (1UL << random.Next(64)) + Pick(0, 0, 1, ~0UL),
                ValuePool.Wide => Pick(
                    (1UL << 32) - 1, 1UL << 32, (1UL << 32) + 1, (1UL << 32) + cluster, (1UL << 31) - 1, 1UL << 31, (1UL << 63) - 1, 1UL << 63, (1UL << 63) - 512, (1UL << 63) - cluster, (1UL << 62) + cluster,
                    ~0UL, 0 - 512UL, 0 - cluster, 0 - table, 0 - (2 * cluster)),
                ValuePool.OtherStructure => PickStructure(),
                ValuePool.OwnPlace => Pick((ulong)place, (ulong)place & (0 - cluster), ((ulong)place & (0 - cluster)) + cluster, ((ulong)place & (0 - cluster)) - cluster),
                ValuePool.Neighbour => neighbours.Length == 0 ? own : neighbours[random.Next(neighbours.Length)] + Pick(0, 0, 0, cluster),
                _ => Pick(end, end + 1, end - 1, end & (0 - cluster), (end & (0 - cluster)) - cluster, (end & (0 - cluster)) + cluster, (end & (0 - cluster)) - table, (end & (0 - cluster)) - table + cluster, end / 2, end + (64 * cluster)),
            };
        }
    }

    private ulong PickStructure()
    {
        ulong cluster = (ulong)plan.ClusterBytes;
        return random.Next(6) switch
        {
            0 => Pick(0, 64, cluster),
            1 => (ulong)plan.L1Offset + ((ulong)random.Next(plan.TableClusters) * cluster),
            2 or 3 when plan.Tables.Count > 0 => (ulong)plan.Tables[random.Next(plan.Tables.Count)].Offset + ((ulong)random.Next(plan.TableClusters + 1) * cluster),
            4 when plan.Leaks.Count > 0 => (ulong)plan.Leaks[random.Next(plan.Leaks.Count)],
            _ when plan.Entries.Count > 0 => plan.Entries[random.Next(plan.Entries.Count)].Value,
            _ => (ulong)(plan.L1Offset + plan.TableBytes),
        };
    }

    private ulong Pick(params ReadOnlySpan<ulong> values) => values[random.Next(values.Length)];
}
