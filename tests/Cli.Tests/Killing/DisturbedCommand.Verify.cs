using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>What must be left.</content>
internal sealed partial class DisturbedCommand
{
    private const int SectorBytes = 512;

    /// <summary>What an undisturbed run leaves.</summary>
    private async Task LearnAsync(Work work, ToolRun run)
    {
        run.ShouldExitWith(0);
        @case.Apply(work.Chain);
        if (@case.Discards)
        {
            await AdoptAsync(work.Chain);
        }

        await work.Chain.ShouldHoldAsync($"{name}: undisturbed");
        _filesAfter = work.Files;
    }

    /// <summary>A failure is told in one line, behind a warning perhaps; returns whether there was one.</summary>
    private bool Told(ToolRun run, string what)
    {
        if (run.ExitCode == 0)
        {
            return false;
        }

        int lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
        bool isFinding = @case.HasFindings && run.ExitCode is 1 or 2 or 3; // 1: what could not be looked at.
        Assert.True(isFinding || run.ExitCode == 1, $"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
        Assert.True(isFinding ? lines <= 1 : lines is 1 or 2 && !run.Error.Contains("unexpected", StringComparison.Ordinal), $"{what}: should say one line, and said\n{run.Error}");
        return true;
    }

    /// <summary>Looks at what was left, and runs the command again, undisturbed.</summary>
    /// <param name="mayLeaveFiles">Whether files that could not be deleted may be there still, which the next run deletes.</param>
    private async Task CompleteAsync(Work work, bool struck, string what, bool mayLeaveFiles = false)
    {
        Spoils?.Invoke(work);
        await ShouldReadAsBeforeAsync(work, what);
        bool wasDone = !struck || (!@case.IsRepeatable && await IsDoneAsync(work));
        if (!wasDone)
        {
            ToolRun again = await InProcess.RunAsync(@case.Arguments(pristine.Chain), work.Folder, InProcess.HostOptions);
            Assert.True(again.ExitCode == 0, $"{what}: run again it ended with {again.ExitCode}\n{again.Output}\n{again.Error}");
        }

        Finish(work.Chain);
        string then = $"{what}, {(wasDone ? "and it had come to its end" : "and run again")}";
        await ShouldHoldAsync(work.Chain, then);
        if (@case.Makes is not null)
        {
            await ShouldHoldAsync(@case.Makes(work.Chain), $"{then}: what it makes");
        }

        IEnumerable<string> left = work.Files.Where(file => !mayLeaveFiles || _filesAfter.Contains(file) || !(pristine.Files.Contains(file) || IsLeftForTheNext(file)));
        Assert.True(left.SequenceEqual(_filesAfter), $"{then}: leaves {string.Join(", ", work.Files)} instead of {string.Join(", ", _filesAfter)}");
    }

    /// <summary>Whether the next run knows such a file by its name: the journal of a merge, or a name for a while.</summary>
    private static bool IsLeftForTheNext(string file) => file.EndsWith(".qedvd-merge", StringComparison.Ordinal) || file.EndsWith(".qedvd-new", StringComparison.Ordinal);

    /// <summary>
    /// The disk under its old name reads as it did; where that is gone, the one that the command leaves does. What the command changes is as before or as
    /// after. No image has errors; leaks are fine.
    /// </summary>
    private async Task ShouldReadAsBeforeAsync(Work work, string what)
    {
        TestChain after = After(work.Chain);
        ChainLevel top = File.Exists(work.Chain.Top.Path) ? work.Chain.Top : after.Top;
        try
        {
            using VirtualDisk disk = bench.Host.OpenDisk(top.Path, work.Chain.Options with { Format = top.Format, ReadOnly = true });
            await ShouldReadAsync(disk, work.Chain.View, after.View, what);
            disk.Close();
        }
        catch (ImageException exception) when (@case.IsBrokenBefore && exception.Kind == ImageErrorKind.NotFound)
        {
            // As it was.
        }

        foreach (string file in work.Images)
        {
            CheckReport report = await bench.Host.CheckAsync(file, request: new ImageOpenRequest { Format = "qed" });
            Assert.True(report.IsSound || @case.IsDamagedBefore, $"{what}: {Path.GetFileName(file)} has {report.Corruptions} errors");
        }

        if (@case is { Makes: { } make, Replaces: { } replace })
        {
            await ShouldBeOldOrNewAsync(replace(work.Chain), make(work.Chain), work.Chain.Options, what);
        }
    }

    /// <summary>Each image reads as the old chain's did, or as the new one's must, as far as it is there: never as something of both.</summary>
    private async Task ShouldBeOldOrNewAsync(TestChain old, TestChain made, DiskOpenOptions options, string what)
    {
        foreach (ChainLevel level in made.Levels.Where(level => File.Exists(level.Path)))
        {
            using VirtualDisk disk = bench.Host.OpenDisk(level.Path, options with { Format = level.Format, ReadOnly = true });
            byte[] now = new byte[disk.LengthBytes];
            await disk.ReadAsync(0, now);
            disk.Close();
            Assert.True(
                old.Levels.Where(each => each.Path == level.Path).Append(level).Any(each => each.View.ToArray().AsSpan().SequenceEqual(now)),
                $"{what}: {level.Path} reads neither as before nor as it must afterwards");
        }
    }

    /// <summary>Each sector as before or as after: of a disk that becomes smaller, the part that goes may be zeros already.</summary>
    private static async Task ShouldReadAsync(VirtualDisk disk, GuestBytes before, GuestBytes after, string what)
    {
        if (disk.LengthBytes != before.LengthBytes)
        {
            await after.ShouldBeReadFromAsync(disk, what);
            return;
        }

        byte[] old = before.ToArray();
        byte[] future = after.CloneAs(Math.Max(after.LengthBytes, old.Length)).CloneAs(old.Length).ToArray();
        byte[] now = new byte[old.Length];
        await disk.ReadAsync(0, now);
        for (int start = 0; start < now.Length; start += SectorBytes)
        {
            Range sector = start..Math.Min(start + SectorBytes, now.Length);
            if (!now.AsSpan(sector).SequenceEqual(old.AsSpan(sector)) && !now.AsSpan(sector).SequenceEqual(future.AsSpan(sector)))
            {
                int fromOld = now.AsSpan(sector).CommonPrefixLength(old.AsSpan(sector));
                int fromFuture = now.AsSpan(sector).CommonPrefixLength(future.AsSpan(sector));
                Assert.Fail($"{what}: the sector at {start} of {disk.Path} is neither as it was (from byte {fromOld}) nor as it is to be (from byte {fromFuture})");
            }
        }
    }

    private static async Task ShouldHoldAsync(TestChain chain, string what)
    {
        // What a killed process had taken and not yet used is a leak until somebody looks for it.
        await chain.GiveBackLeaksAsync(what);
        await chain.ShouldHoldAsync(what);
    }

    /// <summary>Whether it had done all of it when it was disturbed: running a merge again would merge the next levels.</summary>
    private async Task<bool> IsDoneAsync(Work work)
    {
        if (!work.Files.SequenceEqual(_filesAfter))
        {
            return false;
        }

        try
        {
            await ShouldHoldAsync(After(work.Chain), "done?");
            return true;
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException)
        {
            return false;
        }
    }

    private TestChain After(TestChain chain)
    {
        TestChain after = chain.Clone();
        Finish(after);
        return after;
    }

    private void Finish(TestChain chain)
    {
        @case.Apply(chain);
        chain.Top.View = _adopted?.Clone() ?? chain.View;
    }

    /// <summary>After a discard each sector is what it was, or zero.</summary>
    private async Task AdoptAsync(TestChain chain)
    {
        using VirtualDisk disk = chain.Open(readOnly: true);
        await ShouldReadAsync(disk, chain.View, new GuestBytes(chain.View.LengthBytes), $"{name}: undisturbed");
        byte[] now = new byte[disk.LengthBytes];
        await disk.ReadAsync(0, now);
        _adopted = new GuestBytes(now.Length);
        _adopted.Write(0, now);
        chain.Top.View = _adopted.Clone();
        disk.Close();
    }
}
