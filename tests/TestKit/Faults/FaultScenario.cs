namespace QedVd.TestKit;

/// <summary>One operation that <see cref="FaultLoop"/> puts through every fault, and what the disk holds before and after it.</summary>
public sealed record FaultScenario
{
    /// <summary>For messages.</summary>
    public required string Name { get; init; }

    /// <summary>The format.</summary>
    public required IImageBackend Backend { get; init; }

    /// <summary>A closed image, everything durable. Copied for each run.</summary>
    public required SimulatedFile File { get; init; }

    /// <summary>How the image is opened. The pool and the clock are the loop's.</summary>
    public ImageOpenOptions Options { get; init; } = new();

    /// <summary>What lies beneath the image: its bytes, told to the image when they are not null.</summary>
    public byte[]? Parent { get; init; }

    /// <summary>Done to the open image before any fault; null: nothing.</summary>
    public Func<IDiskImage, ValueTask>? Prepare { get; init; }

    /// <summary>Whether a flush follows <see cref="Prepare"/>.</summary>
    public bool FlushesBefore { get; init; } = true;

    /// <summary>The operation, on the open image. Must be one that may be tried again. Give this or <see cref="ActOnFile"/>.</summary>
    public Func<IDiskImage, ValueTask>? Act { get; init; }

    /// <summary>The operation, on the closed image or on what is to become one: opening, checking, repairing, creating. It leaves no storage open, whatever happens.</summary>
    public Func<SimulatedFile, ValueTask>? ActOnFile { get; init; }

    /// <summary>Whether what the operation did is durable when it has succeeded.</summary>
    public bool IsDurableWhenDone { get; init; }

    /// <summary>Whether the operation ends with a closed image.</summary>
    public bool Closes { get; init; }

    /// <summary>
    /// Looks at a file that the operation has left, in the place of the loop's own look: for images that cannot be read before it (damaged ones, or none yet).
    /// Told whether the operation has succeeded, durably after a crash; fails the test itself. Null: the loop looks.
    /// </summary>
    public Func<SimulatedFile, bool, ValueTask>? CheckFile { get; init; }

    /// <summary>The disk when the operation begins, as a reader sees it. Empty with <see cref="CheckFile"/>.</summary>
    public required byte[] Before { get; init; }

    /// <summary>The disk when it has succeeded; null: as before.</summary>
    public byte[]? After { get; init; }

    /// <summary>The disk as it is durable when the operation begins; null: as <see cref="Before"/>.</summary>
    public byte[]? Durable { get; init; }

    /// <summary>Whether writes that go on failing may fence: where not even the old header can be put back, nobody knows which one is there.</summary>
    public bool FencesInDoubt { get; init; }

    /// <summary>How much of the disk is looked at, from its start.</summary>
    public int ComparedBytes { get; init; } = int.MaxValue;

    /// <summary>From here on the operation, while it has not succeeded, may have left zeros in place of what was there.</summary>
    public int ZerosAreFine { get; init; } = int.MaxValue;

    /// <summary>Further things that are so before the operation (the parent's name, the size); null: nothing.</summary>
    public Func<IDiskImage, bool>? IsAsBefore { get; init; }

    /// <summary>Further things that are so after it.</summary>
    public Func<IDiskImage, bool>? IsAsAfter { get; init; }

    /// <summary>Whether a crash may leave the disk in a state between two sectors of old and new bytes; true for all that writes the guest's bytes.</summary>
    public bool MayCrash { get; init; } = true;
}
