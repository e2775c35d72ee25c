using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>The bar with rate and remaining time; on a terminal only.</summary>
internal static class ProgressBar
{
    public static async Task ShowAsync(string title, ProgressState state, Task task)
    {
        await Terminal.ForError().Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask(Markup.Escape(title), autoStart: true, maxValue: 1);
                do
                {
                    OperationProgress last = state.Last;
                    if (last.TotalBytes > 0)
                    {
                        bar.MaxValue = last.TotalBytes;
                        bar.Value = last.DoneBytes;
                        bar.Description = Markup.Escape(string.IsNullOrEmpty(last.Phase) ? title : $"{title}: {last.Phase}");
                    }
                }
                while (await Task.WhenAny(task, Task.Delay(TimeSpan.FromMilliseconds(100))) != task);
            });
    }
}
