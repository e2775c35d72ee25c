using System.Runtime.CompilerServices;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>What all searches have in common that disturb commands.</summary>
internal static class CommandSearch
{
    /// <summary>Begins one; what it counts holds for this code.</summary>
    public static ProofSearch Open(string name) =>
        new(name, "src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "src/Cli", "tests/ChainKit", "tests/Cli.Tests/Killing", "tests/Cli.Tests/Faults");

    /// <summary>Looks at cases, several at a time, as long as it is to go on and none has failed.</summary>
    /// <param name="search">Numbers them.</param>
    /// <param name="workers">So many at a time.</param>
    /// <param name="goesOn">Whether to take another one.</param>
    /// <param name="runCase">Looks at one.</param>
    /// <param name="test">The test, by which a case can be looked at again.</param>
    public static Task RunAsync(ProofSearch search, int workers, Func<bool> goesOn, Func<long, Task> runCase, [CallerMemberName] string test = "")
    {
        bool hasFailed = false;
        return Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(WorkAsync)));

        async Task WorkAsync()
        {
            while (!Volatile.Read(ref hasFailed) && goesOn())
            {
                try
                {
                    long number = search.Next();
                    await RunCaseAsync(search, number, runCase, test);
                    search.Completed(number);
                }
                catch
                {
                    Volatile.Write(ref hasFailed, true);
                    throw;
                }
            }
        }
    }

    /// <summary>Looks at a case; where it fails, the message says how to look at it again.</summary>
    public static async Task RunCaseAsync(ProofSearch search, long number, Func<long, Task> runCase, string test)
    {
        try
        {
            await runCase(number);
        }
        catch (Exception exception)
        {
            Assert.Fail($"{exception.Message}\nTo see it again: {CaseReplay.CommandOf(search, test, number)}\n{(exception is Xunit.Sdk.IAssertionException ? "" : exception)}");
        }
    }
}
