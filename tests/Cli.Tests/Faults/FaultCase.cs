using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>A case of one of the searches for faults.</summary>
internal static class FaultCase
{
    /// <summary>As in <c>./test --long NAME</c>.</summary>
    public const string Name = "faults";

    /// <summary>What looks at this case again, alone: all that a normal run looks at in it, and what only a long one does.</summary>
    public static string Replay(ProofSearch search, Type test, long number) =>
        FormattableString.Invariant($"./test --long {Name} --filter {test.Name} --seed {search.Seed} --case {number}");

    /// <summary>Runs a case; when it fails, that is said first.</summary>
    public static async Task RunAsync(ProofSearch search, Type test, long number, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (Exception exception)
        {
            throw new Xunit.Sdk.XunitException($"{Replay(search, test, number)}\n{exception.Message}", exception);
        }
    }
}
