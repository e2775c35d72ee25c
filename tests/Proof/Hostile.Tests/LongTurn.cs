using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests;

/// <summary>
/// The time of one of the searches of <c>./test --long hostile</c>: they run one after the other, each with the machine for itself, and share the minutes. In a normal run
/// none waits and none is stopped.
/// </summary>
internal sealed class LongTurn : IDisposable
{
    public const string Name = "hostile";

    private const int Searches = 3;

    private static readonly SemaphoreSlim s_turn = new(1, 1);

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private LongTurn()
    {
    }

    /// <summary>Whether there is time left. A case that is looked at alone has all the time that it needs.</summary>
    public bool GoesOn => !LongRun.IsAsked(Name) || LongRun.Case is not null || _clock.Elapsed < LongRun.Budget(Name, TimeSpan.Zero) / Searches;

    public static async Task<LongTurn> TakeAsync()
    {
        if (LongRun.IsAsked(Name))
        {
            await s_turn.WaitAsync(TestContext.Current.CancellationToken).ConfigureAwait(false);
        }

        return new LongTurn();
    }

    public void Dispose()
    {
        if (LongRun.IsAsked(Name))
        {
            s_turn.Release();
        }
    }
}
