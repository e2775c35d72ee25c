using System.Globalization;
using QedVd.Cli.Tests.Faults;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>In this process, with storages that fail.</content>
internal sealed partial class DisturbedCommand
{
    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns how many operations of each kind it made.</summary>
    public async Task<IReadOnlyDictionary<FaultKind, int>> MeasureStoragesAsync(StorageFaults faults)
    {
        Work work = Copy("undisturbed");
        faults.Arm(default, nth: 0, isSticky: false);
        await LearnAsync(work, await InProcess.RunAsync(@case.Arguments(pristine.Chain), work.Folder, faults.HostOptions));
        return Enum.GetValues<FaultKind>().ToDictionary(kind => kind, faults.CountOf);
    }

    /// <summary>
    /// Lets the n-th operation of a kind fail, or all from it on. The command says in one line that it failed, or has truly done its work; the same holds for
    /// what a kill at that moment leaves. False when there was no n-th.
    /// </summary>
    public async Task<bool> FaultAsync(StorageFaults faults, FaultKind kind, int nth, bool isSticky, bool withCrash)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {kind} {nth}{(isSticky ? " and all after it" : "")}");
        Work work = Copy("disturbed");
        KeptFolder? crashed = null;
        faults.Arm(kind, nth, isSticky, withCrash ? () => crashed = KeptFolder.Take(work, bench.NewFolder("crashed")) : null);
        ToolRun run = await InProcess.RunAsync(@case.Arguments(pristine.Chain), work.Folder, faults.HostOptions);
        faults.Disarm();
        bool hasFailed = Told(run, what);
        Assert.True(!hasFailed || faults.Hits > 0, $"{what}: it did not happen, and the command failed: {run.Error}");
        Assert.True(hasFailed || faults.Hits == 0 || kind != FaultKind.Barrier, $"{what}: nothing is sure to be durable, and it ended well\n{run.Output}\n{run.Error}");
        ShouldNameAFile(run, work, what);
        if (hasFailed)
        {
            await ShouldHaveMadeNothingByHalvesAsync(work, what);
        }

        await CompleteAsync(work, hasFailed, what);
        if (crashed is not null)
        {
            crashed.Restore();
            await CompleteAsync(pristine.At(bench, work.Folder), struck: true, $"{what}, then killed");
        }

        return faults.Hits > 0;
    }

    /// <summary>Who is told of an error is told of which file. What a check finds is none.</summary>
    private void ShouldNameAFile(ToolRun run, Work work, string what)
    {
        IEnumerable<string> names = work.Files.Concat(pristine.Files).Concat(_filesAfter).Select(file => Path.GetFileName(file));
        Assert.True(
            run.ExitCode == 0 || (@case.HasFindings && run.Error.Length == 0) || names.Any(name => run.Error.Contains(name, StringComparison.Ordinal)),
            $"{what}: the error names no file\n{run.Error}");
    }

    /// <summary>
    /// A command that was told of a failure, and could clean up, leaves no file that was not there; what makes images, none at all, or all of them: the failure
    /// then came after that.
    /// </summary>
    private async Task ShouldHaveMadeNothingByHalvesAsync(Work work, string what)
    {
        string[] made = [.. work.Files.Except(pristine.Files).Where(file => @case.Makes is not null || !(_filesAfter.Contains(file) || IsLeftForTheNext(file)))];
        Assert.True(made.Length == 0 || work.Files.SequenceEqual(_filesAfter), $"{what}: it failed, and left {string.Join(", ", made)}");
        if (made.Length > 0)
        {
            await @case.Makes!(After(work.Chain)).ShouldHoldAsync($"{what}: it failed, and left all that it makes");
        }
    }
}
