using QedVd.Backends.Qed;
using QedVd.Backends.Raw;

namespace QedVd.ChainKit;

/// <summary>A host with the two real backends, and a folder for chains.</summary>
public sealed class ChainBench : IDisposable
{
    private const string MemoryFolder = "/dev/shm";

    private static readonly EnumerationOptions s_all = new() { AttributesToSkip = 0, RecurseSubdirectories = false };

    /// <param name="below">Where the folder is made; null: where temporary files go.</param>
    /// <param name="around">Puts something around the backends that the host works with; null: nothing.</param>
    public ChainBench(string? below = null, Func<IImageBackend, IImageBackend>? around = null)
    {
        Folder = below is null ? Directory.CreateTempSubdirectory("qedvd-chain-").FullName : Directory.CreateDirectory(Path.Combine(below, $"qedvd-chain-{Guid.NewGuid():N}")).FullName;
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        foreach (IImageBackend backend in new IImageBackend[] { new QedBackend(), new RawBackend() })
        {
            options.Backends.Add(around?.Invoke(backend) ?? backend);
        }

        Host = new DiskHost(options);
    }

    /// <summary>A folder in memory where there is one: for what does many small things, each of which waits for the disk.</summary>
    public static string? InMemory => Directory.Exists(MemoryFolder) ? MemoryFolder : null;

    public DiskHost Host { get; }

    public string Folder { get; }

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>All files of a folder, hidden ones too, sorted.</summary>
    public string[] FilesOf(string folder) => [.. Directory.GetFiles(folder, "*", s_all).Order(StringComparer.Ordinal)];

    /// <summary>A folder below this one's, empty.</summary>
    public string NewFolder(string name)
    {
        string folder = this[name];
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        return Directory.CreateDirectory(folder).FullName;
    }

    /// <summary>Options of a QED image. Tables of one cluster are in the specification, but QEMU opens none.</summary>
    public static Dictionary<string, string> Geometry(int clusterBytes, int tableClusters)
    {
        var options = new Dictionary<string, string> { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = $"{tableClusters}" };
        if (tableClusters == 1)
        {
            options["qemu_compat"] = "off";
        }

        return options;
    }

    /// <summary>Makes a chain with our own engine. What is made is not made durable: a test is no power loss.</summary>
    public async Task<TestChain> MakeAsync(ChainPlan plan, string? folder = null)
    {
        folder ??= Folder;
        List<ChainLevel> levels = [];
        foreach (LevelPlan level in plan.Levels)
        {
            levels.Insert(0, await MakeLevelAsync(level, levels.FirstOrDefault(), folder).ConfigureAwait(false));
        }

        return new TestChain(this, levels);
    }

    /// <summary>An image file as planned, over a level that exists, or over nothing.</summary>
    public async Task<ChainLevel> MakeLevelAsync(LevelPlan level, ChainLevel? parent, string folder)
    {
        string path = Path.Combine(folder, level.Name);
        GuestBytes view = parent is null ? new GuestBytes(level.SizeBytes) : parent.View.CloneAs(level.SizeBytes);
        await CreateAsync(path, level, parent).ConfigureAwait(false);
        if (level.Changes.Count > 0)
        {
            using VirtualDisk disk = Host.OpenDisk(path, new DiskOpenOptions { Format = level.Format, Mode = ConsistencyMode.Unsafe });
            await Guest.ApplyAsync(disk, view, level.Changes).ConfigureAwait(false);
            await disk.CloseAsync().ConfigureAwait(false);
        }

        return new ChainLevel { Path = path, Format = level.Format, View = view };
    }

    /// <summary>Fails unless a check finds neither errors nor leaks.</summary>
    public async Task ShouldBeCleanAsync(string path, string format, string what)
    {
        if (format == "raw")
        {
            return;
        }

        CheckReport report = await Host.CheckAsync(path, request: new ImageOpenRequest { Format = format }).ConfigureAwait(false);
        Assert.True(report.IsClean, $"{what}: {Path.GetFileName(path)} has {report.Corruptions} errors and {report.Leaks} leaks: {string.Join("; ", report.Findings.Take(4))}");
    }

    public void Dispose()
    {
        Host.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task CreateAsync(string path, LevelPlan level, ChainLevel? parent)
    {
        if (level.Format == "raw")
        {
            using FileStream file = File.Create(path);
            file.SetLength(level.SizeBytes);
            return;
        }

        await Host.CreateImageAsync(path, level.Format, new CreateDiskOptions
        {
            VirtualSizeBytes = level.SizeBytes,
            ParentName = parent?.Name,
            ParentFormat = parent?.Format,
            DoNotOpenParent = parent is not null,
            FormatOptions = Geometry(level.ClusterBytes, level.TableClusters),
        }).ConfigureAwait(false);
    }
}
