namespace QedVd.Conformance.Model;

/// <summary>One request of a random sequence.</summary>
internal sealed record ModelStep(ModelStepKind Kind, long Offset, int LengthBytes, int Seed, WriteFlags Flags, bool IsAsync)
{
    public override string ToString() => Kind is ModelStepKind.Flush or ModelStepKind.Reopen
        ? $"{Kind}{(IsAsync ? " async" : "")}"
        : $"{Kind} {Offset}+{LengthBytes}{(Flags == 0 ? "" : $" {Flags}")}{(IsAsync ? " async" : "")}";

    /// <summary>A random sequence. Offsets cluster around the edges of blocks, where the mistakes are.</summary>
    public static ModelStep[] Sequence(Random random, int count, long diskBytes, ImageLimits limits)
    {
        var steps = new ModelStep[count];
        for (int i = 0; i < count; i++)
        {
            ModelStepKind kind = random.Next(20) switch
            {
                < 8 => ModelStepKind.Write,
                < 11 => ModelStepKind.WriteZeroes,
                < 13 => ModelStepKind.Discard,
                < 16 => ModelStepKind.Read,
                < 17 => ModelStepKind.Map,
                < 19 => ModelStepKind.Flush,
                _ => ModelStepKind.Reopen,
            };
            (long offset, int length) = Range(random, diskBytes, limits);
            WriteFlags flags = random.Next(12) switch
            {
                0 => WriteFlags.ForceUnitAccess,
                1 when kind == ModelStepKind.WriteZeroes => WriteFlags.MayUnmap,
                _ => WriteFlags.None,
            };
            steps[i] = new ModelStep(kind, offset, length, random.Next(), flags, random.Next(2) == 0);
        }

        return steps;
    }

    private static (long Offset, int Length) Range(Random random, long diskBytes, ImageLimits limits)
    {
        long block = Math.Max(512, limits.BlockBytes);
        long start = random.Next(4) == 0 ? random.NextInt64(diskBytes) : (random.NextInt64(diskBytes / block + 1) * block) + Jitter(random, block);
        long length = random.Next(5) switch
        {
            0 => random.NextInt64(1, 600),
            1 => block,
            2 => (random.NextInt64(1, 4) * block) + Jitter(random, block),
            3 => 512 * random.NextInt64(1, 9),
            _ => random.NextInt64(1, 2 * block),
        };
        int alignment = limits.AlignmentBytes;
        start = Math.Clamp(start, 0, diskBytes - alignment) / alignment * alignment;
        length = Math.Clamp(length, 1, diskBytes - start);
        return (start, (int)Math.Max(alignment, length / alignment * alignment));
    }

    private static long Jitter(Random random, long block) => random.Next(3) switch
    {
        0 => 0,
        1 => random.NextInt64(-600, 600),
        _ => random.NextInt64(block),
    };
}
