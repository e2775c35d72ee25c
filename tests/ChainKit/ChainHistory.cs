namespace QedVd.ChainKit;

/// <summary>
/// What happens to a chain in its life, drawn at random: guests write, and one operation follows the other, on the open disk or on closed files. After
/// each of them every level must read as it should, every image be clean, and no file be left over.
/// </summary>
public sealed partial class ChainHistory
{
    private const int Sector = 512;

    private readonly ChainBench _bench;
    private readonly TestChain _chain;
    private readonly Random _random;
    private readonly string _name;
    private readonly List<string> _log = [];
    private int _files;

    /// <param name="bench">Where.</param>
    /// <param name="chain">The chain; it must have a folder for itself.</param>
    /// <param name="random">What is drawn from.</param>
    /// <param name="name">For messages: the seed, say.</param>
    public ChainHistory(ChainBench bench, TestChain chain, Random random, string name)
    {
        (_bench, _chain, _random, _name) = (bench, chain, random, name);
    }

    /// <summary>What has happened, for messages.</summary>
    public string Description => $"{_name}: {string.Join("; ", _log)}";

    /// <summary>The operations that there are.</summary>
    public static IReadOnlyList<string> Operations { get; } =
        ["snapshot", "resize", "compact", "convert", "convert onto a parent", "convert into an image", "copy", "commit", "flatten", "merge", "rebase"];

    /// <summary>Whether an operation is about a parent, so that a disk without one leaves it nothing to do.</summary>
    public static bool NeedsParent(string operation) => operation is "convert onto a parent" or "commit" or "flatten" or "merge";

    /// <summary>Runs random operations.</summary>
    public async Task RunAsync(int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            await RunAsync(Operations[_random.Next(Operations.Count)]).ConfigureAwait(false);
        }
    }

    /// <summary>Looks at a chain that an operation has changed or made, besides what is always looked at.</summary>
    public Func<TestChain, string, Task> LookAsync { get; init; } = (_, _) => Task.CompletedTask;

    /// <summary>Whether QEMU must be able to open what is made.</summary>
    public bool ForQemu { get; init; }

    /// <summary>Runs one operation, and looks at everything; false when this chain left it nothing to do.</summary>
    public async Task<bool> RunAsync(string operation)
    {
        _log.Add(operation);
        try
        {
            bool isDone = await CarryOutAsync(operation).ConfigureAwait(false);
            await ShouldHoldAsync(_chain, operation).ConfigureAwait(false);
            return isDone;
        }
        catch (Exception exception) when (exception is ImageException or ArgumentException or InvalidOperationException or IOException)
        {
            throw new InvalidOperationException($"{Description}: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException)
        {
            throw new InvalidOperationException($"{Description}: {exception.Message}", exception);
        }
    }

    private Task<bool> CarryOutAsync(string operation) => operation switch
    {
        "snapshot" => SnapshotAsync(),
        "resize" => ResizeAsync(),
        "compact" => CompactAsync(),
        "convert" => ConvertAsync(),
        "convert onto a parent" => ConvertOntoParentAsync(),
        "convert into an image" => ConvertIntoExistingAsync(),
        "copy" => CopyAsync(),
        "commit" => CommitAsync(),
        "flatten" => FlattenAsync(),
        "merge" => MergeAsync(),
        "rebase" => RebaseAsync(),
        _ => throw new ArgumentException($"No operation is called '{operation}'.", nameof(operation)),
    };

    private async Task ShouldHoldAsync(TestChain chain, string what, bool files = true)
    {
        await chain.ShouldHoldAsync(what, files).ConfigureAwait(false);
        await LookAsync(chain, what).ConfigureAwait(false);
    }

    private async Task<bool> SnapshotAsync()
    {
        using VirtualDisk disk = await OpenAsync().ConfigureAwait(false);
        string path = NewPath();
        await disk.SnapshotAsync(path).ConfigureAwait(false);
        _chain.PutOnTop(path);
        await CloseAsync(disk).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> ResizeAsync()
    {
        long size = _random.Next(3) switch
        {
            0 => Math.Max(Sector, _chain.View.LengthBytes / 2 / Sector * Sector),
            1 => _chain.View.LengthBytes + (_random.Next(1, 1000) * Sector),
            _ => _random.Next(1, 4000) * Sector,
        };
        Detail($"to {size}");
        bool isAnother = size != _chain.View.LengthBytes;
        using VirtualDisk disk = await OpenAsync().ConfigureAwait(false);
        await disk.ResizeAsync(size, mayShrink: true).ConfigureAwait(false);
        _chain.Top.View = _chain.View.CloneAs(size);
        await CloseAsync(disk).ConfigureAwait(false);
        return isAnother;
    }

    private async Task<bool> CompactAsync()
    {
        var options = new DiskCompactOptions { DropZeroBlocks = _random.Next(2) == 0, DropBlocksEqualToParent = _random.Next(2) == 0 };
        Detail($"zeros {options.DropZeroBlocks}, equal {options.DropBlocksEqualToParent}");
        if (_chain.Top.Format == "raw")
        {
            return false;
        }

        using VirtualDisk disk = await OpenAsync().ConfigureAwait(false);
        await disk.CompactAsync(options).ConfigureAwait(false);
        await CloseAsync(disk).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> ConvertAsync()
    {
        string format = _random.Next(2) == 0 ? "raw" : "qed";
        string target = Path.Combine(_bench.NewFolder("converted"), $"copy.{format}");
        Detail($"to {format}");
        var options = new ConvertOptions
        {
            TargetFormat = format,
            Source = _chain.Options with { Format = _chain.Top.Format },
            FormatOptions = format == "raw" ? new Dictionary<string, string>() : DrawGeometry(),
            ZeroBlockBytes = _random.Next(3) == 0 ? 0 : 4096,
        };
        await _bench.Host.ConvertAsync(_chain.Top.Path, target, options).ConfigureAwait(false);

        var copy = new TestChain(_bench, [new ChainLevel { Path = target, Format = format, View = _chain.View.Clone() }]);
        await ShouldHoldAsync(copy, "the copy").ConfigureAwait(false);
        await ShouldCompareAsync(target, format).ConfigureAwait(false);
        return true;
    }

    /// <summary>A comparison says equal, and of a copy with one byte changed it says where.</summary>
    private async Task ShouldCompareAsync(string copy, string format)
    {
        var options = new CompareOptions { First = _chain.Options with { Format = _chain.Top.Format }, Second = new DiskOpenOptions { Format = format }, RequireSameLength = true };
        CompareResult result = await _bench.Host.CompareAsync(_chain.Top.Path, copy, options).ConfigureAwait(false);
        Assert.True(result.AreEqual, $"compare finds a difference at {result.FirstDifferenceOffset}");
        long at = _random.NextInt64(_chain.View.LengthBytes);
        byte[] one = new byte[1];
        _chain.View.Read(at, one);
        one[0]++;
        using (VirtualDisk disk = _bench.Host.OpenDisk(copy, new DiskOpenOptions { Format = format }))
        {
            disk.Write(at, one);
        }

        result = await _bench.Host.CompareAsync(_chain.Top.Path, copy, options).ConfigureAwait(false);
        Assert.True(result.FirstDifferenceOffset == at && !result.AreEqual, $"compare finds the first difference at {result.FirstDifferenceOffset} instead of {at}");
    }

    /// <summary>The open disk, to which a guest has just written.</summary>
    private async Task<VirtualDisk> OpenAsync()
    {
        VirtualDisk disk = _chain.Open(mode: _random.Next(4) == 0 ? ConsistencyMode.Lazy : ConsistencyMode.Ordered);
        await _chain.WriteAsync(disk, _random, _random.Next(6)).ConfigureAwait(false);
        return disk;
    }

    /// <summary>The guest goes on after the operation, sees what it must, and ends.</summary>
    private async Task CloseAsync(VirtualDisk disk)
    {
        await _chain.ShouldBeReadFromAsync(disk, "still open").ConfigureAwait(false);
        await _chain.WriteAsync(disk, _random, _random.Next(6)).ConfigureAwait(false);
        await _chain.ShouldBeReadFromAsync(disk, "written to afterwards").ConfigureAwait(false);
        await disk.CloseAsync().ConfigureAwait(false);
    }

    private string NewPath() => Path.Combine(Path.GetDirectoryName(_chain.Top.Path)!, $"new{_files++}.qed");

    private Dictionary<string, string> DrawGeometry() => ChainBench.Geometry(4096 << _random.Next(6), 1 << _random.Next(ForQemu ? 1 : 0, 5));

    private void Detail(string text) => _log[^1] += $" {text}";
}
