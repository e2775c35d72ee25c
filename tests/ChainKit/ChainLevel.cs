namespace QedVd.ChainKit;

/// <summary>An image file of a chain, and what a guest reads from it with all that lies beneath it.</summary>
public sealed class ChainLevel
{
    public required string Path { get; set; }

    public required string Format { get; init; }

    public required GuestBytes View { get; set; }

    /// <summary>False where nobody can say what it holds: what was written while it changed may be in it or not.</summary>
    public bool IsViewKnown { get; set; } = true;

    public string Name => System.IO.Path.GetFileName(Path);
}
