namespace QedVd.Hostile.Tests.Mutation;

/// <summary>A stratum of geometries.</summary>
internal enum GeometryClass
{
    /// <summary>Clusters of 4 KiB, tables of 1 cluster: legal, and refused by QEMU.</summary>
    SmallOneClusterTables = 0,

    /// <summary>Clusters of 4 KiB, tables of 2 or 4 clusters.</summary>
    Small = 1,

    /// <summary>Clusters of 4 or 8 KiB, tables of 8 or 16 clusters.</summary>
    SmallLargeTables = 2,

    /// <summary>Clusters of 16 to 128 KiB.</summary>
    Usual = 3,

    /// <summary>Clusters of 256 KiB to 1 MiB.</summary>
    Large = 4,
}
