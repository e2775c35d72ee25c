using QedVd.Backends.Raw;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>
/// Each operation stopped before each change of any file: killed (what the folder holds at that moment is what is left), failing once or from then on, or
/// cancelled. What the disk reads is never lost, and doing it again finishes the work.
/// </summary>
public sealed class PushInterruptionTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 24 * Cluster;

    // All of them take minutes: some of them each time, others the next time.
    private const int Step = 5;

    private readonly TempFolder _folder = new(AppContext.BaseDirectory);
    private readonly HookedBackend _backend = new();
    private readonly DiskHost _host;

    public PushInterruptionTests()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<RawBackend>();
        options.Backends.Add(_backend);
        _host = new DiskHost(options);
    }

    public enum Operation
    {
        Commit,
        CommitPast,
        CommitPastAndDelete,
        MergeDown,
        MergeTopDown,
        MergeAllDown,
        MergeUp,
        MergeTopUp,
    }

    public static TheoryData<Operation> Operations => [.. Enum.GetValues<Operation>()];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Operations))]
    public async Task KilledAnywhere_TheDiskReadsAsBefore_AndTheSameCallFinishes(Operation operation)
    {
        byte[] disk = await MakeAsync("0");
        List<string> states = [];
        _backend.Hook = (_, _) =>
        {
            lock (states)
            {
                string to = _folder[$"state-{states.Count}"];
                Copy(_folder["0"], to);
                states.Add(to);
            }
        };
        await RunAsync(operation, "0");
        _backend.Hook = null;
        Check(_folder["0"], disk, operation, isDone: true, "not interrupted");
        string[] expected = Names(_folder["0"]);
        Assert.True(states.Count > 5, $"{states.Count} states");
        Random random = Draw();
        foreach (string state in states.Where((_, index) => index >= states.Count - 8 || random.Next(2) == 0))
        {
            string what = $"{operation}, {Path.GetFileName(state)} of {states.Count}: {string.Join(' ', Names(state))}";
            int levels = Check(state, disk, operation, isDone: false, what);
            if (operation != Operation.Commit && levels == LevelsAfter(operation) && !Names(state).Any(name => name.StartsWith('.')))
            {
                // All that was left to do was to say so.
                Assert.Equal(expected, Names(state));
                continue;
            }

            try
            {
                await RunAsync(operation, state);
            }
            catch (ImageException exception)
            {
                Assert.Fail($"{what}: {exception}");
            }

            Check(state, disk, operation, isDone: true, $"{what}, again");
            Assert.True(Names(state).SequenceEqual(expected), $"{what}: left {string.Join(' ', Names(state))}");
            Directory.Delete(state, recursive: true);
        }
    }

    [Theory, MemberData(nameof(Operations))]
    public async Task FailingAnywhere_TheOpenDiskGoesOn_AndDoingItAgainFinishes(Operation operation)
    {
        Random random = Draw();
        foreach (bool isSticky in new[] { false, true })
        {
            bool hasStruck = true;
            for (int nth = 1 + random.Next(Step); hasStruck; nth += 1 + random.Next(Step))
            {
                string name = $"f{isSticky}{nth}";
                string what = $"{operation}, change {nth}{(isSticky ? " and all after" : "")}";
                byte[] disk = await MakeAsync(name);
                int count = 0;
                hasStruck = false;
                VirtualDisk open = _host.OpenDisk(Path.Combine(_folder[name], "top.qed"));
                _backend.Hook = (kind, file) =>
                {
                    // A barrier that fails is another matter: it fences.
                    int now = Interlocked.Increment(ref count);
                    if (kind != "barrier" && (now == nth || (isSticky && now > nth)))
                    {
                        hasStruck = true;
                        throw new ImageException(nth % 2 == 0 ? ImageErrorKind.OutOfSpace : ImageErrorKind.Io, $"{file}: {kind} failed for the test", file, kind);
                    }

                    hasStruck |= now == nth;
                };
                Exception? failure = await Record.ExceptionAsync(async () => await ActAsync(operation, open));
                _backend.Hook = null;
                Assert.True(failure is null or ImageException, $"{what}: {failure}");
                PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{what}: {failure?.Message}");

                // The guest goes on.
                disk[Cluster + 5] ^= 0x55;
                open.Write(Cluster + 5, disk.AsSpan(Cluster + 5, 1));
                open.Flush();
                PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{what}, written on");
                string path = open.Path;
                await open.DisposeAsync();
                Check(_folder[name], disk, operation, isDone: path != Path.Combine(_folder[name], "top.qed"), what);
                if (failure is not null)
                {
                    await RunAsync(operation, name);
                    Check(_folder[name], disk, operation, isDone: true, $"{what}, again");
                }

                Directory.Delete(_folder[name], recursive: true);
            }
        }
    }

    [Theory, MemberData(nameof(Operations))]
    public async Task CancelledAnywhere_TheOpenDiskGoesOn_AndDoingItAgainFinishes(Operation operation)
    {
        bool wasReached = true;
        int cancelled = 0;
        Random random = Draw();
        for (int nth = 1 + random.Next(Step); wasReached; nth += 1 + random.Next(Step))
        {
            string name = $"c{nth}";
            byte[] disk = await MakeAsync(name);
            using var source = new CancellationTokenSource();
            using VirtualDisk open = _host.OpenDisk(Path.Combine(_folder[name], "top.qed"));
            int count = 0;
            wasReached = false;
            _backend.Hook = (_, _) =>
            {
                if (Interlocked.Increment(ref count) == nth)
                {
                    wasReached = true;
                    source.Cancel();
                }
            };
            Exception? failure = await Record.ExceptionAsync(async () => await ActAsync(operation, open, source.Token));
            _backend.Hook = null;
            Assert.True(failure is null or OperationCanceledException, $"{operation}, {nth}: {failure}");
            cancelled += failure is null ? 0 : 1;
            PushChain.AssertSame(disk, PushChain.ReadAll(open), $"{operation}, cancelled at {nth}");
            bool isReplaced = Path.GetFileName(open.Path) != "top.qed";
            open.Close();
            Check(_folder[name], disk, operation, isReplaced, $"{operation}, cancelled at {nth}");
            if (failure is not null)
            {
                await RunAsync(operation, name);
                Check(_folder[name], disk, operation, isDone: true, $"{operation}, cancelled at {nth}, again");
            }

            Directory.Delete(_folder[name], recursive: true);
        }

        Assert.True(cancelled > 0, $"{cancelled}");
    }

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    /// <summary>Four levels, in a folder: shorter and longer ones, markers over data, small clusters and large ones.</summary>
    private async Task<byte[]> MakeAsync(string name)
    {
        string folder = Directory.CreateDirectory(_folder[name]).FullName;
        await CreateAsync("base.qed", Size + Cluster, null, 8192);
        await CreateAsync("low.qed", Size, "base.qed", 4096);
        await CreateAsync("mid.qed", Size - (3 * Cluster), "low.qed", 4096);
        await CreateAsync("top.qed", Size, "mid.qed", 4096);
        Fill("base.qed", 0, Size + Cluster, 1);
        Fill("low.qed", 2 * Cluster, 6 * Cluster, 2);
        Fill("mid.qed", 4 * Cluster, 2 * Cluster, 3);
        Fill("mid.qed", 6 * Cluster, Cluster, 0);
        Fill("top.qed", 5 * Cluster + 100, 2 * Cluster, 4);
        Fill("top.qed", 12 * Cluster, 2 * Cluster, 0);
        using VirtualDisk disk = _host.OpenDisk(Path.Combine(folder, "top.qed"));
        return PushChain.ReadAll(disk);

        async Task CreateAsync(string file, long size, string? parent, int cluster) => await _host.CreateImageAsync(
            Path.Combine(folder, file),
            "qed",
            new CreateDiskOptions
            {
                VirtualSizeBytes = size,
                ParentName = parent,
                DoNotOpenParent = true,
                FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{cluster}", ["table_size"] = "2" },
            },
            cancellationToken: Stop);

        void Fill(string file, int offset, int length, byte value)
        {
            byte[] data = new byte[length];
            data.AsSpan().Fill(value);
            using VirtualDisk disk = _host.OpenDisk(Path.Combine(folder, file));
            if (value == 0)
            {
                disk.WriteZeroes(offset, length);
            }
            else
            {
                disk.Write(offset, data);
            }

            disk.Close();
        }
    }

    /// <summary>The closed form, as a user would call it again.</summary>
    private async Task RunAsync(Operation operation, string folder)
    {
        string top = Path.Combine(_folder.FullName, folder, "top.qed");
        (CommitOptions? commit, MergeOptions? merge) = OptionsOf(operation);
        if (commit is not null)
        {
            await _host.CommitAsync(top, commit, cancellationToken: Stop);
        }
        else
        {
            await _host.MergeAsync(top, merge, cancellationToken: Stop);
        }
    }

    private static async ValueTask ActAsync(Operation operation, VirtualDisk disk, CancellationToken cancellationToken = default)
    {
        (CommitOptions? commit, MergeOptions? merge) = OptionsOf(operation);
        if (commit is not null)
        {
            await disk.CommitAsync(commit, cancellationToken: cancellationToken);
        }
        else
        {
            await disk.MergeAsync(merge, cancellationToken: cancellationToken);
        }
    }

    private static (CommitOptions? Commit, MergeOptions? Merge) OptionsOf(Operation operation) => operation switch
    {
        Operation.Commit => (new CommitOptions(), null),
        Operation.CommitPast => (new CommitOptions { TargetDepth = 3 }, null),
        Operation.CommitPastAndDelete => (new CommitOptions { TargetDepth = 3, DeleteSuperseded = true }, null),
        Operation.MergeDown => (null, new MergeOptions { FromDepth = 1, ToDepth = 3, Direction = MergeDirection.Down }),
        Operation.MergeTopDown => (null, new MergeOptions { Direction = MergeDirection.Down }),
        Operation.MergeAllDown => (null, new MergeOptions { ToDepth = 3, Direction = MergeDirection.Down }),
        Operation.MergeUp => (null, new MergeOptions { FromDepth = 1, ToDepth = 3, Direction = MergeDirection.Up }),
        _ => (null, new MergeOptions { ToDepth = 2, Direction = MergeDirection.Up }),
    };

    private int Check(string folder, byte[] disk, Operation operation, bool isDone, string what)
    {
        string top = operation switch
        {
            _ when File.Exists(Path.Combine(folder, "top.qed")) => "top.qed",
            Operation.MergeTopDown => "mid.qed",
            _ => "base.qed",
        };
        int levels;
        using (VirtualDisk open = _host.OpenDisk(Path.Combine(folder, top), new DiskOpenOptions { ReadOnly = true }))
        {
            levels = open.Levels.Count;
            PushChain.AssertSame(disk, PushChain.ReadAll(open), what);
            Assert.True(!isDone || levels == LevelsAfter(operation), $"{what}: {levels} levels");
        }

        foreach (string file in Directory.GetFiles(folder, "*.qed"))
        {
            CheckReport report = _host.CheckAsync(file).AsTask().GetAwaiter().GetResult();
            Assert.True(report.IsSound, $"{what}: {Path.GetFileName(file)}: {string.Join("; ", report.Findings)}");
        }

        return levels;
    }

    private static int LevelsAfter(Operation operation) => operation switch
    {
        Operation.Commit => 4,
        Operation.MergeTopDown => 3,
        Operation.MergeAllDown => 1,
        _ => 2,
    };

    private static Random Draw()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        return new Random((int)seed);
    }

    private static string[] Names(string folder) => [.. Directory.GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 }).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    /// <summary>Copies get other identities: those in a journal are replaced, as if the files were the same.</summary>
    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        Dictionary<string, string> marks = [];
        foreach (string file in Directory.GetFiles(from, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            string copy = Path.Combine(to, Path.GetFileName(file));
            FilePeek before = FilePeek.At(file);
            try
            {
                // A shared lock of ours is no obstacle.
                using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using FileStream target = new(copy, FileMode.CreateNew);
                source.CopyTo(target);
            }
            catch (FileNotFoundException)
            {
                // It has just been deleted.
                continue;
            }

            marks[Text(before.Mark)] = Text(FilePeek.At(copy).Mark);
        }

        foreach (string journal in Directory.GetFiles(to, ".*.qedvd-merge", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            string text = File.ReadAllText(journal);
            foreach ((string before, string after) in marks)
            {
                text = text.Replace($" {before} ", $" {after} ", StringComparison.Ordinal);
            }

            File.WriteAllText(journal, text);
        }

        static string Text(FileMark mark) => $"{mark.Identity.DeviceId:x} {mark.Identity.FileId:x} {mark.Identity.FileIdHigh:x} {mark.BirthStamp:x}";
    }
}
