using QedVd.ChainKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>A command that changes a chain of images, 3.qed over 2.qed over 1.qed over 0.</summary>
internal sealed record CommandCase
{
    /// <summary>The verb and what follows; file names are relative to the chain's folder.</summary>
    public required string[] Arguments { get; init; }

    /// <summary>What the levels read as afterwards.</summary>
    public required Action<TestChain> Apply { get; init; }

    /// <summary>Whether the disk has another size afterwards.</summary>
    public bool ChangesSize { get; init; }

    public static IReadOnlyDictionary<string, CommandCase> All { get; } = new Dictionary<string, CommandCase>
    {
        ["compact"] = new() { Arguments = ["compact", "-q", "3.qed"], Apply = _ => { } },
        ["convert"] = new() { Arguments = ["convert", "-q", "--overwrite", "-O", "qed", "3.qed", "copy.qed"], Apply = _ => { } },
        ["grow"] = new() { Arguments = ["resize", "-q", "3.qed", "2M"], Apply = chain => Resize(chain, 2 << 20), ChangesSize = true },
        ["shrink"] = new() { Arguments = ["resize", "-q", "--shrink", "3.qed", "100k"], Apply = chain => Resize(chain, 100 << 10), ChangesSize = true },
        ["snapshot"] = new() { Arguments = ["snapshot", "-q", "3.qed", "new.qed"], Apply = chain => chain.PutOnTop(Path.Combine(Path.GetDirectoryName(chain.Top.Path)!, "new.qed")) },
    };

    private static void Resize(TestChain chain, long sizeBytes) => chain.Top.View = chain.View.CloneAs(sizeBytes);
}
