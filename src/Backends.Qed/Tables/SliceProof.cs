using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>Proves the entries of a slice as it comes from the storage. An entry that may not stand spoils its own range only.</summary>
internal sealed class SliceProof(QedHeader header, KnownTables tables, ClusterAllocator allocator, TouchedSlices touched)
{
    /// <summary>Turns entries into the machine's order and replaces those that may not stand by <see cref="SliceEntry.Invalid"/>.</summary>
    /// <param name="key">The slice.</param>
    /// <param name="entries">Its entries, or a part of them.</param>
    /// <param name="first">Index of the first one in the slice.</param>
    public void Prove(long key, Span<ulong> entries, int first)
    {
        QedReferenceRules rules = RulesFor(key);
        bool isL1 = SliceKey.IsL1(key);
        for (int i = 0; i < entries.Length; i++)
        {
            ulong entry = entries[i];
            if (entry == SliceEntry.Unallocated)
            {
                continue;
            }

            if (!BitConverter.IsLittleEndian)
            {
                entry = BinaryPrimitives.ReverseEndianness(entry);
            }

            QedReferenceProblem problem = Judge(isL1, entry, rules);
            if (problem == QedReferenceProblem.OutsideFile && allocator.HasFileGrown())
            {
                rules = RulesFor(key);
                problem = Judge(isL1, entry, rules);
            }

            entries[i] = problem == QedReferenceProblem.None ? entry : SliceEntry.Invalid;
        }

        touched.MarkDamaged(key, entries, first);
    }

    /// <summary>Why an entry with this value, as the storage has it, may not stand.</summary>
    public string Describe(long key, ulong raw)
    {
        QedReferenceRules rules = RulesFor(key);
        QedReferenceProblem problem = SliceKey.IsL1(key) ? rules.CheckTable(raw) : rules.CheckCluster(raw);
        if (problem != QedReferenceProblem.None)
        {
            return rules.Describe(problem);
        }

        return !SliceKey.IsL1(key) && tables.ContainsCluster((long)raw)
            ? "inside an L2 table"
            : $"beyond {allocator.OpenedEnd}, where the file ended when it was opened";
    }

    private QedReferenceRules RulesFor(long key) =>
        new(header, touched.MayContain(key) ? allocator.AllocatedEnd : allocator.OpenedEnd);

    private QedReferenceProblem Judge(bool isL1, ulong entry, in QedReferenceRules rules)
    {
        if (isL1)
        {
            return rules.CheckTable(entry);
        }

        if (entry == SliceEntry.Zero)
        {
            return QedReferenceProblem.None;
        }

        QedReferenceProblem problem = rules.CheckCluster(entry);

        // A cluster of a table is as wrong for data as one of L1.
        return problem == QedReferenceProblem.None && tables.ContainsCluster((long)entry) ? QedReferenceProblem.InL1 : problem;
    }
}
