namespace QedVd.Host;

/// <summary>What a push does with a run of the disk.</summary>
internal enum PushKind
{
    /// <summary>Nothing: no level above holds it.</summary>
    Skip = 0,

    /// <summary>Copies it.</summary>
    Data = 1,

    /// <summary>Makes it read as zero.</summary>
    Zero = 2,
}
