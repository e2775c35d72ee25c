using QedVd.Cli.Options;

namespace QedVd.Cli.Output;

/// <summary>One level of a chain as it is drawn.</summary>
/// <param name="Name">The file, as it is to be named; not escaped.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Remarks">What is unusual about it; escaped.</param>
internal sealed record ChainTreeNode(string Name, string Summary, IReadOnlyList<string> Remarks)
{
    /// <summary>What hangs on it.</summary>
    public IReadOnlyList<ChainTreeNode> Children { get; init; } = [];

    public static ChainTreeNode Of(ImageInfo info)
    {
        List<string> remarks = [.. info.Image.Warnings];
        if (info.Image.IsDirty)
        {
            remarks.Insert(0, "not closed cleanly; qedvd check says what that left");
        }

        string clusters = info.Image.BlockBytes > 1 ? $", clusters of {SizeText.Human(info.Image.BlockBytes)}" : "";
        return new ChainTreeNode(info.Given, $"{info.Image.FormatId}, {SizeText.Human(info.Image.VirtualSizeBytes)}{clusters}, {SizeText.Human(info.Image.AllocatedBytes)} on disk", remarks);
    }
}
