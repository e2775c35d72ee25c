namespace QedVd.TestKit;

/// <summary>What is wrong with a <see cref="DefectiveBackend"/>.</summary>
public enum PlantedDefect
{
    /// <summary>A write that fails is taken for done.</summary>
    LostWrite,

    /// <summary>What could not be written is thought to be there when it is tried again.</summary>
    DroppedRetry,

    /// <summary>A barrier that fails is taken for done.</summary>
    LostBarrier,

    /// <summary>A length that could not be set is thought to be there.</summary>
    LostLength,

    /// <summary>Room that there is none of is thought to be taken.</summary>
    LostRoom,

    /// <summary>What cannot be read is taken for zeros.</summary>
    ReadOfZeros,

    /// <summary>The error does not say which file.</summary>
    NamelessError,

    /// <summary>The storage stays open.</summary>
    LeftOpen,

    /// <summary>Something lies beside the place of an image that could not be made, in the host's folder.</summary>
    HalfMadeFile,
}
