namespace QedVd;

/// <summary>What an image says of a run of the disk.</summary>
public enum ExtentKind
{
    /// <summary>The image has nothing here: the parent decides; without a parent the run reads as zero.</summary>
    Free = 0,

    /// <summary>The run reads as zero, whatever a parent holds.</summary>
    Zero = 1,

    /// <summary>The image holds the bytes.</summary>
    Data = 2,
}
