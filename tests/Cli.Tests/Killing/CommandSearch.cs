using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>What all searches have in common that disturb commands.</summary>
internal static class CommandSearch
{
    /// <summary>Begins one; what it counts holds for this code.</summary>
    public static ProofSearch Open(string name) =>
        new(name, "src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "src/Cli", "tests/ChainKit", "tests/Cli.Tests");

    /// <summary>Looks at cases, several at a time, as long as it is to go on and none has failed.</summary>
    public static Task RunAsync(ProofSearch search, int workers, Func<bool> goesOn, Func<long, Task> runCase)
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
                    await runCase(number);
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
}
