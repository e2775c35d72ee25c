namespace QedVd.ChainKit;

/// <summary>An image file of a chain, and what a guest reads from it with all that lies beneath it.</summary>
public sealed class ChainLevel
{
    public required string Path { get; set; }

    public required string Format { get; init; }

    public required GuestBytes View { get; set; }

    public string Name => System.IO.Path.GetFileName(Path);
}
