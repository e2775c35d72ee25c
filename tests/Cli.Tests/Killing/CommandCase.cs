using QedVd.ChainKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>A command that changes files, and what becomes of a chain of images by it.</summary>
internal sealed record CommandCase
{
    /// <summary>For messages, and to name it.</summary>
    public required string Name { get; init; }

    /// <summary>Makes the chain that it works on, in a folder; null: 3.qed over 2.qed over 1.qed over 0, drawn.</summary>
    public Func<ChainBench, Random, string, Task<TestChain>>? Make { get; init; }

    /// <summary>Puts what else it needs beside the chain.</summary>
    public Func<ChainBench, TestChain, Task>? Prepare { get; init; }

    /// <summary>The verb and what follows, for a chain; a name that begins with @ is that of a file of its folder.</summary>
    public required Func<TestChain, string[]> Arguments { get; init; }

    /// <summary>What the chain is afterwards.</summary>
    public Action<TestChain> Apply { get; init; } = _ => { };

    /// <summary>Another chain that the command makes, of what the first one reads; null: none.</summary>
    public Func<TestChain, TestChain>? Makes { get; init; }

    /// <summary>What lies before where <see cref="Makes"/> comes to lie: each image of it is the old one or the new one, or not there. Null: that is not looked at.</summary>
    public Func<TestChain, TestChain>? Replaces { get; init; }

    /// <summary>What was discarded reads as it did or as zeros: what of it, the undisturbed run says.</summary>
    public bool Discards { get; init; }

    /// <summary>The chain cannot be opened before: a parent is not where its name says.</summary>
    public bool IsBrokenBefore { get; init; }

    /// <summary>The images have errors before, which the command mends.</summary>
    public bool IsDamagedBefore { get; init; }

    /// <summary>
    /// False where a command that has come to its end would do something else when it is run again, or refuse: what a commit left out is another child of its target.
    /// </summary>
    public bool IsRepeatable { get; init; } = true;

    /// <summary>Its exit code may tell more than success and failure, and then it prints no error: what a check finds is no failure of the check.</summary>
    public bool HasFindings { get; init; }

    public override string ToString() => Name;
}
