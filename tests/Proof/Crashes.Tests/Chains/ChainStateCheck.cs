using System.Text;
using QedVd.ChainKit;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>What must hold for whatever a crash leaves of a chain that a command was at work on, and of the same command run again.</summary>
/// <param name="bench">With a host.</param>
/// <param name="command">The command.</param>
/// <param name="before">The chain before it, with its files in the folder that is looked at.</param>
/// <param name="filesAfter">The files that it leaves when nobody disturbs it.</param>
/// <param name="room">What of the room of each image may be lost.</param>
internal sealed partial class ChainStateCheck(ChainBench bench, ChainCommand command, TestChain before, IReadOnlyList<string> filesAfter, LostRoom room)
{
    private static readonly EnumerationOptions s_all = new() { AttributesToSkip = 0, RecurseSubdirectories = true };

    private readonly TestChain _after = After(command, before);
    private readonly TestChain? _made = command.Makes?.Invoke(before);

    // The disk as it was found to be: before the command, after it, or between; null where it could not be opened.
    private (ChainLevel Level, GuestBytes View)? _disk;

    public IReadOnlyList<string> FilesAfter => filesAfter;

    public int RerunEvery => command.RerunEvery;

    public string Folder { get; } = ChainCommand.FolderOf(before);

    /// <summary>How many levels the second reader has read.</summary>
    public int SecondReadings { get; private set; }

    /// <summary>
    /// No byte of a guest is lost, and no image has errors; of leaks there are no more than what was being written. What the command makes is not there, or
    /// complete. A second reader of the format sees the same. All of this only reads.
    /// </summary>
    public async Task ShouldBeSoundAsync()
    {
        FolderBytes found = FolderBytes.Of(Folder);
        await ShouldReadTopAsync().ConfigureAwait(false);
        foreach (ChainLevel level in Unchanged().Where(level => File.Exists(level.Path)))
        {
            await ShouldReadAsync(level, "untouched", level.View).ConfigureAwait(false);
        }

        foreach (ChainLevel level in _after.Levels.Concat(_made?.Levels ?? []).Where(level => before.Levels.All(other => other.Path != level.Path) && File.Exists(level.Path)))
        {
            GuestBytes[] views = [level.View, .. command.Replaced.Where(old => _made?.Levels.Contains(level) == true && old.Name == level.Name).Select(old => old.View)];
            await ShouldReadAsync(level, "made", views).ConfigureAwait(false);
        }

        foreach (string file in Directory.GetFiles(Folder, "*.qed", s_all).Where(file => !command.IsDamaged || file != before.Top.Path))
        {
            CheckReport report = await bench.Host.CheckAsync(file, request: new ImageOpenRequest { Format = "qed" }).ConfigureAwait(false);
            Assert.True(report.IsSound, $"{Path.GetFileName(file)} has {report.Corruptions} errors: {string.Join("; ", report.Findings.Take(3))}");
            room.ShouldNotExceed(file, Path.GetRelativePath(Folder, file), report);
        }

        string[] changed = [.. found.ChangedIn(FolderBytes.Of(Folder))];
        Assert.True(changed.Length == 0, $"{string.Join(", ", changed)} changed, and was opened for reading only");
    }

    /// <summary>The command, run again, leaves what it leaves when nobody disturbs it. It runs in this process.</summary>
    public async Task ShouldCompleteAsync()
    {
        bool wasDone = !command.IsRepeatable && await IsDoneAsync().ConfigureAwait(false);
        if (!wasDone)
        {
            (int code, string said) = Run(command.Arguments(before, name => Path.Combine(Folder, name)));
            Assert.True(code == 0, $"run again it ends with {code}: {said}");
        }

        await ReclaimAsync(_after).ConfigureAwait(false);
        string what = wasDone ? "it had come to its end" : "run again";
        await _after.ShouldHoldAsync(what).ConfigureAwait(false);
        if (_made is not null)
        {
            await _made.ShouldHoldAsync($"{what}: what it makes").ConfigureAwait(false);
        }

        string[] files = FilesOf(Folder);
        Assert.True(files.SequenceEqual(filesAfter), $"{what}: the folder holds {string.Join(", ", files)} instead of {string.Join(", ", filesAfter)}");
    }

    /// <summary>The command had said that it was done: nothing of that is lost, but for a second name that the next command of that folder removes.</summary>
    public async Task ShouldBeDoneAsync()
    {
        await ReclaimAsync(_after).ConfigureAwait(false);
        await _after.ShouldHoldAsync("done").ConfigureAwait(false);
        if (_made is not null)
        {
            await _made.ShouldHoldAsync("done: what it makes").ConfigureAwait(false);
        }

        string[] files = [.. FilesOf(Folder).Where(file => !IsTemporary(file))];
        Assert.True(files.SequenceEqual(filesAfter), $"done: the folder holds {string.Join(", ", files)} instead of {string.Join(", ", filesAfter)}");
    }

    public static bool IsTemporary(string path) => path.EndsWith(".qedvd-new", StringComparison.Ordinal);

    public static string[] FilesOf(string folder) => [.. Directory.GetFiles(folder, "*", s_all).Select(path => Path.GetRelativePath(folder, path)).Order(StringComparer.Ordinal)];

    /// <summary>The disk under its old name, or where that is gone the one that the command leaves, reads as before, or as it must afterwards.</summary>
    private async Task ShouldReadTopAsync()
    {
        _disk = null;
        ChainLevel top = File.Exists(before.Top.Path) ? before.Top : _after.Top;
        if (command.IsBroken && !await CanOpenAsync(top).ConfigureAwait(false))
        {
            return;
        }

        GuestBytes[] views = !command.ChangesSize ? [before.View] : _after.View.LengthBytes < before.View.LengthBytes ? [_after.View] : [before.View, _after.View];
        if (views.Length == 1 && command.ChangesSize && await ReadLongerAsync(top).ConfigureAwait(false) is { } old)
        {
            views = [old];
        }

        _disk = (top, await ShouldReadAsync(top, "the disk", views).ConfigureAwait(false));
    }

    /// <summary>A disk that is not shorter yet: beyond its new end it reads as before or zero, what lay beneath does not come up. Null when it is shorter.</summary>
    private async Task<GuestBytes?> ReadLongerAsync(ChainLevel top)
    {
        using VirtualDisk disk = bench.Host.OpenDisk(top.Path, before.Options with { Format = top.Format, ReadOnly = true });
        if (disk.LengthBytes != before.View.LengthBytes)
        {
            return null;
        }

        byte[] now = new byte[disk.LengthBytes];
        await disk.ReadAsync(0, now).ConfigureAwait(false);
        byte[] old = before.View.ToArray();
        for (int at = (int)_after.View.LengthBytes; at < now.Length; at++)
        {
            old[at] = now[at] == 0 ? (byte)0 : old[at];
        }

        var view = new GuestBytes(old.Length);
        view.Write(0, old);
        return view;
    }

    /// <summary>Returns as which of them it reads.</summary>
    private async Task<GuestBytes> ShouldReadAsync(ChainLevel level, string what, params GuestBytes[] views)
    {
        using VirtualDisk disk = bench.Host.OpenDisk(level.Path, before.Options with { Format = level.Format, ReadOnly = true });
        Xunit.Sdk.XunitException? failure = null;
        foreach (GuestBytes view in views)
        {
            try
            {
                await view.ShouldBeReadFromAsync(disk, what).ConfigureAwait(false);
            }
            catch (Xunit.Sdk.XunitException exception)
            {
                failure = exception;
                continue;
            }

            if (PlainChain.Read(level.Path, level.Format) is { } bytes)
            {
                SecondReadings++;
                ShouldBe(view, bytes, $"{what}: {level.Name} for the second reader");
            }

            return view;
        }

        throw failure!;
    }

    private static void ShouldBe(GuestBytes view, byte[] bytes, string what)
    {
        Assert.True(bytes.Length == view.LengthBytes, $"{what} has {bytes.Length} bytes instead of {view.LengthBytes}");
        byte[] expected = view.ToArray();
        int at = expected.AsSpan().CommonPrefixLength(bytes);
        Assert.True(at == bytes.Length, at < bytes.Length ? $"{what} is {bytes[at]:x2} instead of {expected[at]:x2} at byte {at}" : "");
    }

    private async Task<bool> CanOpenAsync(ChainLevel level)
    {
        try
        {
            await using VirtualDisk disk = await bench.Host.OpenDiskAsync(level.Path, before.Options with { Format = level.Format, ReadOnly = true }).ConfigureAwait(false);
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotFound)
        {
            return false;
        }
    }

    /// <summary>Levels beneath the top that the command does not change.</summary>
    private IEnumerable<ChainLevel> Unchanged() =>
        before.Levels.Skip(1).Where(level => _after.Levels.Any(other => other.Path == level.Path && other.View.ToArray().AsSpan().SequenceEqual(level.View.ToArray())));

    /// <summary>What a killed process had taken and not yet used is a leak until somebody looks for it; more than a leak it may not be.</summary>
    private async Task ReclaimAsync(TestChain chain)
    {
        foreach (ChainLevel level in chain.Levels.Where(level => level.Format != "raw"))
        {
            var request = new ImageOpenRequest { Format = level.Format };
            CheckReport report = await bench.Host.CheckAsync(level.Path, request: request).ConfigureAwait(false);
            Assert.True(report.IsSound, $"{level.Name} has {report.Corruptions} errors when the command has run again");
            if (!report.IsClean)
            {
                await bench.Host.CheckAsync(level.Path, new CheckOptions { Repair = RepairMode.Leaks }, request).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether all was done: it is not to be run again where that would do something else. Gives leaks back.</summary>
    public async Task<bool> IsDoneAsync()
    {
        if (!FilesOf(Folder).SequenceEqual(filesAfter))
        {
            return false;
        }

        try
        {
            await ReclaimAsync(_after).ConfigureAwait(false);
            await _after.ShouldHoldAsync("done?").ConfigureAwait(false);
            return _made is null || File.Exists(_made.Top.Path);
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException)
        {
            return false;
        }
    }

    private static (int Code, string Said) Run(string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        using var streams = new StandardStreams(output, error);
        int code = VerbRunner.Run(arguments, streams, NewOptions);
        return (code, Encoding.UTF8.GetString(output.ToArray()) + Encoding.UTF8.GetString(error.ToArray()));
    }

    private static DiskHostOptions NewOptions() => new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<Backends.Qed.QedBackend>().AddBackend<Backends.Raw.RawBackend>();

    private static TestChain After(ChainCommand command, TestChain chain)
    {
        TestChain after = chain.Clone();
        command.Apply(after);
        return after;
    }
}
