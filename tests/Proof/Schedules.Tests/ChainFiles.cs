using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Qed;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>A random chain of QED images in simulated files, with what each sector of it reads.</summary>
internal sealed class ChainFiles
{
    public const int Cluster = 4096;
    private const string Folder = "/chain/";
    private const string Other = "other";

    private static readonly QedBackend s_backend = new();

    private readonly List<SimulatedFile> _files = [];

    /// <summary>Draws sizes and content, and tells a history what it begins with.</summary>
    public ChainFiles(Random random, SectorHistory history, int levels)
    {
        int clusters = random.Next(3) == 0 ? random.Next(140, 300) : random.Next(12, 40);
        SizeBytes = (clusters * Cluster) - (random.Next(3) == 0 ? 512 * random.Next(1, 8) : 0);
        var sizes = new long[levels];
        var held = new Dictionary<long, int>[levels];
        for (int i = 0; i < levels; i++)
        {
            sizes[i] = i == 0 || random.Next(3) > 0 ? SizeBytes : Math.Max(Cluster, SizeBytes + (512 * random.Next(-60, 60)));
            held[i] = Make(random, history, $"level{i}", i + 1 < levels ? $"level{i + 1}" : null, sizes[i]);
        }

        for (long sector = 0; sector * SectorHistory.SectorBytes < SizeBytes; sector++)
        {
            int number = 0;
            for (int i = 0; i < levels && sector * SectorHistory.SectorBytes < sizes[i] && !held[i].TryGetValue(sector * SectorHistory.SectorBytes / Cluster, out number); i++)
            {
            }

            history.Begin(sector * SectorHistory.SectorBytes, SectorHistory.SectorBytes, number);
        }
    }

    /// <summary>Of the disk, to begin with.</summary>
    public long SizeBytes { get; }

    /// <summary>Top first; behind them what <see cref="MakeOther"/> made.</summary>
    public IReadOnlyList<SimulatedFile> Files => _files;

    /// <summary>Opens the chain whose top has this name, as its images name their parents.</summary>
    /// <param name="top">The name.</param>
    /// <param name="left">What is opened instead of a file; null: the file.</param>
    public VirtualDisk OpenReadOnly(string top, Func<SimulatedFile, SimulatedFile>? left = null)
    {
        List<Level> levels = [];
        for (string? name = top; name is not null;)
        {
            SimulatedFile file = _files.Single(each => each.Name == name);
            IDiskImage image = s_backend.Open((left?.Invoke(file) ?? file).Open(readOnly: true), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
            levels.Add(new Level { Image = image, Path = name, FormatId = QedBackend.Id });
            name = image.Parent is { } parent ? Folder + System.Text.Encoding.UTF8.GetString(parent.NameBytes) : null;
        }

        return Compose(levels, new DiskOpenOptions { ReadOnly = true });
    }

    /// <summary>Opens the chain under a scheduler.</summary>
    public async ValueTask<VirtualDisk> OpenAsync(Scheduler scheduler, TablePool pool, ConsistencyMode mode, Func<IImageStorage, IImageStorage> wrap)
    {
        List<Level> levels = [];
        foreach (SimulatedFile file in _files.Where(file => file.Name != Folder + Other))
        {
            bool isTop = levels.Count == 0;
            IImageStorage storage = wrap(scheduler.Open(file));
            var options = new ImageOpenOptions { Tables = pool, Time = scheduler.Time, Mode = mode, Flags = isTop ? ImageOpenFlags.Discard : ImageOpenFlags.ReadOnly };
            IDiskImage image = await s_backend.OpenAsync(storage, options).ConfigureAwait(false);
            levels.Add(new Level { Image = image, Path = file.Name, FormatId = QedBackend.Id, Storage = storage });
        }

        return Compose(levels, new DiskOpenOptions { Mode = mode });
    }

    /// <summary>Makes an image that the top may be put over: with content of its own, which no guest may ever see, and beneath it nothing or the chain's last level.</summary>
    public void MakeOther(Random random, SectorHistory history)
    {
        string? beneath = _files.Count > 1 && random.Next(2) == 0 ? System.IO.Path.GetFileName(_files[^1].Name) : null;
        Make(random, history, Other, beneath, Math.Max(Cluster, SizeBytes + (512 * random.Next(-60, 60))));
    }

    /// <summary>Opens what <see cref="MakeOther"/> made under a scheduler, over that of these levels, if any, that it names.</summary>
    public async ValueTask<IReadOnlyList<Level>> OpenOtherAsync(Scheduler scheduler, TablePool pool, Func<IImageStorage, IImageStorage> wrap, IReadOnlyList<Level> chain)
    {
        SimulatedFile file = _files.Single(each => each.Name == Folder + Other);
        IImageStorage storage = wrap(scheduler.Open(file));
        IDiskImage image = await s_backend.OpenAsync(storage, new ImageOpenOptions { Tables = pool, Time = scheduler.Time, Flags = ImageOpenFlags.ReadOnly }).ConfigureAwait(false);
        Level[] parents = [new Level { Image = image, Path = file.Name, FormatId = QedBackend.Id, Storage = storage }, .. image.Parent is null ? [] : chain.TakeLast(1)];
        await VirtualDisk.TellBeneathAsync<AsyncIo>(new Generation([chain[0], .. parents]), 1, default).ConfigureAwait(false);
        return parents;
    }

    /// <summary>A new, empty image over the chain, opened under a scheduler.</summary>
    public async ValueTask<Level> MakeOverlayAsync(Scheduler scheduler, TablePool pool, ConsistencyMode mode, long sizeBytes)
    {
        var file = new SimulatedFile($"{Folder}overlay");
        using (SimulatedStorage storage = file.Open())
        {
            Create(storage, sizeBytes, System.IO.Path.GetFileName(_files[0].Name));
        }

        _files.Insert(0, file);
        ScheduledStorage opened = scheduler.Open(file);
        IDiskImage image = await s_backend.OpenAsync(opened, new ImageOpenOptions { Tables = pool, Time = scheduler.Time, Mode = mode, Flags = ImageOpenFlags.Discard }).ConfigureAwait(false);
        return new Level { Image = image, Path = file.Name, FormatId = QedBackend.Id, Storage = opened };
    }

    /// <summary>What a check of a file finds.</summary>
    public static CheckReport Check(SimulatedFile file)
    {
        using SimulatedStorage storage = file.Open(readOnly: true);
        return SyncIo.Complete(s_backend.CheckAsync(storage, new CheckOptions()));
    }

    private static VirtualDisk Compose(IReadOnlyList<Level> levels, DiskOpenOptions options)
    {
        var generation = new Generation(levels);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, options, host: null, number: 0, NullLogger.Instance);
    }

    private static void Create(SimulatedStorage storage, long sizeBytes, string? parent) => s_backend.Create(storage, new ImageCreateOptions
    {
        VirtualSizeBytes = sizeBytes,
        Parent = parent is null ? null : new ParentReference(parent),
        FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{Cluster}", ["table_size"] = "1", ["qemu_compat"] = "off" },
    });

    private Dictionary<long, int> Make(Random random, SectorHistory history, string name, string? parent, long sizeBytes)
    {
        var file = new SimulatedFile(Folder + name);
        using (SimulatedStorage storage = file.Open())
        {
            Create(storage, sizeBytes, parent);
        }

        Dictionary<long, int> held = [];
        using IDiskImage image = s_backend.Open(file.Open(), new ImageOpenOptions());
        byte[] bytes = new byte[Cluster];
        int share = random.Next(1, 5);
        for (long cluster = 0; cluster * Cluster < sizeBytes; cluster++)
        {
            if (random.Next(5) >= share)
            {
                continue;
            }

            int length = (int)Math.Min(Cluster, sizeBytes - (cluster * Cluster));
            bool isZero = random.Next(6) == 0;
            held[cluster] = isZero ? 0 : history.NextNumber();
            SectorHistory.Fill(bytes, cluster * Cluster, held[cluster]);
            WriteResult result = isZero ? image.WriteZeroes(cluster * Cluster, length, WriteFlags.MayUnmap) : image.Write(cluster * Cluster, bytes.AsSpan(0, length));
            Assert.Equal(WriteResult.Done(length), result);
        }

        image.Close();
        _files.Add(file.Copy());
        return held;
    }
}
