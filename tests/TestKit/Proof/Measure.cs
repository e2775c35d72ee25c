namespace QedVd.TestKit;

/// <summary>What a search counts, and what it calls a case that is wrong; <c>./test</c> prints the sums.</summary>
/// <param name="Name">Of the cases, plural.</param>
/// <param name="Wrong">Of those among them that must not be.</param>
public sealed record Measure(string Name, string Wrong)
{
    /// <summary>Whether it says more about another one of the same search: then it is for the report only.</summary>
    public bool IsDetail { get; init; }

    /// <summary>Whether of two counts the larger one is kept, not their sum.</summary>
    public bool IsMost { get; init; }

    /// <summary>States that a crash may leave, each once in its recording, opened again and examined.</summary>
    public static Measure CrashStates { get; } = new("crash states", "violations");

    /// <summary>The same, of what QEMU's tools wrote: published beside ours, and no failure of a test.</summary>
    public static Measure CrashStatesOfQemu { get; } = new("crash states of QEMU", "violations there");

    /// <summary>Operations of a storage that were made to fail, one a run.</summary>
    public static Measure Faults { get; } = new("faults", "wrong");

    /// <summary>Hostile and broken images with a known right answer.</summary>
    public static Measure HostileImages { get; } = new("hostile images", "wrong");

    /// <summary>Runs of the command line on one of them, as a process under limits.</summary>
    public static Measure HostileProcesses { get; } = new("hostile processes", "wrong");

    /// <summary>Valid images with a few fields changed.</summary>
    public static Measure MutatedImages { get; } = new("mutated images", "wrong");

    /// <summary>Images whose content was read by QEMU as well; those that it refuses, or does not survive, do not count.</summary>
    public static Measure Differential { get; } = new("images compared with QEMU", "different");

    /// <summary>Runs of the command line that were killed.</summary>
    public static Measure Kills { get; } = new("kills", "lost");

    /// <summary>Orders in which concurrent requests were let go on.</summary>
    public static Measure Schedules { get; } = new("schedules", "violations");

    /// <summary>Small changes of the code, one at a time, that the unit tests ought to notice.</summary>
    public static Measure Mutants { get; } = new("mutants", "survived");

    /// <summary>A row of the report that says more about what a search has counted.</summary>
    public static Measure Detail(string name) => new(name, "wrong") { IsDetail = true };

    /// <summary>The same, of something of which only the most is of interest.</summary>
    public static Measure Most(string name) => new(name, "wrong") { IsDetail = true, IsMost = true };

    internal (long Count, long Wrong) Combine((long Count, long Wrong) one, (long Count, long Wrong) other) =>
        (IsMost ? Math.Max(one.Count, other.Count) : one.Count + other.Count, one.Wrong + other.Wrong);
}
