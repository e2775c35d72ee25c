using System.Globalization;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>
/// Shows how far an operation is: a bar on the error output where that is a terminal, once it has taken a moment; with <c>-p</c> and no terminal,
/// qemu-img's percentages on standard output; else nothing.
/// </summary>
internal static class ProgressDisplay
{
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(200);

    public static Task RunAsync(VerbRun run, string title, bool isAsked, bool isQuiet, Func<IProgress<OperationProgress>, ValueTask> operation) =>
        RunAsync(run, title, isAsked, isQuiet, async progress =>
        {
            await operation(progress);
            return true;
        });

    public static async Task<T> RunAsync<T>(VerbRun run, string title, bool isAsked, bool isQuiet, Func<IProgress<OperationProgress>, ValueTask<T>> operation)
    {
        var state = new ProgressState();
        // On the pool: an operation may do much before it first waits, and the display must go on.
        Task<T> task = Task.Run(async () => await operation(state));
        if (!isQuiet && run.Streams.IsErrorTerminal && StandardStreams.AllowsMovingLines)
        {
            if (await Task.WhenAny(task, Task.Delay(s_moment)) != task)
            {
                await ProgressBar.ShowAsync(title, state, task);
            }
        }
        else if (isAsked && !isQuiet)
        {
            await ShowPercentAsync(run, state, task);
        }

        return await task;
    }

    private static async Task ShowPercentAsync(VerbRun run, ProgressState state, Task task)
    {
        do
        {
            Print(state.Percent);
        }
        while (await Task.WhenAny(task, Task.Delay(s_step)) != task);

        Print(task.IsCompletedSuccessfully ? 100 : state.Percent);
        await run.Out.WriteLineAsync();

        void Print(double percent)
        {
            run.Out.Write(string.Create(CultureInfo.InvariantCulture, $"    ({percent:F2}/100%)\r"));
            run.Out.Flush();
        }
    }
}
