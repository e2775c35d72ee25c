namespace QedVd.TestKit;

/// <summary>What is explored: a format, how its image is made and opened, and what lies beneath it.</summary>
public sealed record CrashSubject
{
    /// <summary>The format.</summary>
    public required IImageBackend Backend { get; init; }

    /// <summary>How the image is made.</summary>
    public required ImageCreateOptions CreateOptions { get; init; }

    /// <summary>What the image's storage states. Without <see cref="StorageFacts.NeverWrittenReadsZero"/> a power loss leaves garbage (crash model M2).</summary>
    public StorageFacts Facts { get; init; } = SimulatedFile.GoodFacts;

    /// <summary>What lies beneath.</summary>
    public ParentLevels Parents { get; init; } = new();

    /// <summary>How the image is opened. <see cref="ConsistencyMode.Unsafe"/> is explored for killed processes only.</summary>
    public ConsistencyMode Mode { get; init; }

    /// <summary>Further flags of opening.</summary>
    public ImageOpenFlags OpenFlags { get; init; } = ImageOpenFlags.Discard;

    /// <summary>Memory for tables while the workload runs, in pages; 0: more than it needs.</summary>
    public int TablePages { get; init; }

    /// <summary>Done to the image after the prelude; then every state is repaired before it is opened, as it is refused otherwise.</summary>
    public Action<SimulatedFile>? Damage { get; init; }

    /// <summary>Places of the disk (from, to, length, whole sectors) that the damage makes read as others do.</summary>
    public IReadOnlyList<(long From, long To, long LengthBytes)> DamagedCopies { get; init; } = [];

    /// <summary>Put between the image and its storage while the workload is recorded: to prove that the explorer finds what it should.</summary>
    public Func<IImageStorage, IImageStorage>? Between { get; init; }

    /// <summary>A second reader of the format, that knows nothing of the first; null: none.</summary>
    public Func<SimulatedFile, IPlainReading>? SecondReader { get; init; }

    /// <summary>
    /// Leaks that a state may have beyond what was written in the epoch under way, in bytes: what the format takes ahead of need, and what its prelude had.
    /// </summary>
    public long LeakAllowanceBytes { get; init; }

    /// <summary>For a failed test.</summary>
    public string Description { get; init; } = "";

    /// <summary>Whether states are repaired before they are opened.</summary>
    internal bool IsDamaged => Damage is not null;

    internal IDiskImage Open(SimulatedFile file, bool isReadOnly, bool isRecorded = false)
    {
        SimulatedStorage handle = file.Open(isReadOnly);
        IImageStorage storage = isRecorded && Between is not null ? Between(handle) : handle;
        try
        {
            IDiskImage image = Backend.Open(storage, new ImageOpenOptions
            {
                Mode = Mode,
                Tables = isRecorded && TablePages > 0 ? new TablePool((long)TablePages * TablePage.SizeBytes) : new TablePool(16 << 20),
                // A clock that stands still: only what the workload asks for is written back.
                Time = new FakeTime(),
                Flags = isReadOnly ? OpenFlags | ImageOpenFlags.ReadOnly : OpenFlags,
            });
            image.SetBeneath(Parents.Beneath);
            return image;
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <summary>A format that cannot check an image is taken at its word; one that cannot repair is not asked to.</summary>
    internal CheckReport Check(SimulatedFile file, RepairMode repair = RepairMode.None, bool isRecorded = false)
    {
        ImageCapabilities capabilities = Backend.Info.Capabilities;
        if ((capabilities & ImageCapabilities.Check) == 0)
        {
            return new CheckReport();
        }

        repair = (capabilities & ImageCapabilities.Repair) == 0 ? RepairMode.None : repair;
        using SimulatedStorage handle = file.Open(readOnly: repair == RepairMode.None);
        IImageStorage storage = isRecorded && Between is not null ? Between(handle) : handle;
        Task<CheckReport> check = Backend.CheckAsync(storage, new CheckOptions { Repair = repair, MaxReportedFindings = 8 }).AsTask();
        SyncIo.Block(check);
        return check.GetAwaiter().GetResult();
    }
}
