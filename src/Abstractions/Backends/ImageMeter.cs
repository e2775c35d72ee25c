namespace QedVd;

/// <summary>
/// Works out how large an image becomes that is made and then written to: told, in ascending order and without overlaps, what is going to be written.
/// Made by <see cref="IImageBackend.CreateMeter"/>; writes nothing. For one user.
/// </summary>
public abstract class ImageMeter
{
    /// <summary>The image will hold a run of the disk.</summary>
    /// <param name="offset">Where it starts, in bytes, not before the end of the run that was added last.</param>
    /// <param name="lengthBytes">Its length.</param>
    /// <param name="kind"><see cref="ExtentKind.Data"/>, or <see cref="ExtentKind.Zero"/> for zeros that hide what a parent holds. Free runs need not be told.</param>
    public abstract void Add(long offset, long lengthBytes, ExtentKind kind = ExtentKind.Data);

    /// <summary>The length of the storage with what has been added so far.</summary>
    public abstract long RequiredBytes { get; }

    /// <summary>What of that takes room on a volume that has holes.</summary>
    public abstract long AllocatedBytes { get; }

    /// <summary>The length of the storage once all of the disk has been written; <see cref="long.MaxValue"/> where no number can say it.</summary>
    public abstract long FullyAllocatedBytes { get; }
}
