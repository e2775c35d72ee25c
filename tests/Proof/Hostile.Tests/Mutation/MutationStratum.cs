namespace QedVd.Hostile.Tests.Mutation;

/// <summary>What is changed, to what, in which kind of image.</summary>
internal readonly record struct MutationStratum(GeometryClass Geometry, MutatedStructure Structure, ValuePool Pool)
{
    /// <summary>All strata. Names and raw bits have no pool.</summary>
    public static IReadOnlyList<MutationStratum> All { get; } =
    [
        .. from geometry in Enum.GetValues<GeometryClass>()
           from structure in Enum.GetValues<MutatedStructure>()
           from pool in Enum.GetValues<ValuePool>()
           where structure < MutatedStructure.Name || pool == ValuePool.Small
           select new MutationStratum(geometry, structure, pool),
    ];

    /// <summary>Fewer: each structure in each geometry, from one pool after the other. No names: what they lead to is for nobody but us.</summary>
    public static IReadOnlyList<MutationStratum> Coarse { get; } =
    [
        .. from structure in Enum.GetValues<MutatedStructure>()
           where structure != MutatedStructure.Name
           from geometry in Enum.GetValues<GeometryClass>()
           select new MutationStratum(geometry, structure, (ValuePool)((((int)structure * 3) + (int)geometry) % ((int)ValuePool.FileEnd + 1))),
    ];
}
