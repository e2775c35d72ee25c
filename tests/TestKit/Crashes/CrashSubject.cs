namespace QedVd.TestKit;

/// <summary>What is explored: a format, how its image is made and opened, and what lies beneath it.</summary>
public sealed record CrashSubject
{
    // Far more than an image of a few blocks needs: who asks for more goes round in circles (I1).
    private const long LeastBudget = 10_000;

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

    /// <summary>
    /// Done to the image after the prelude; the workload's first step repairs it. Until that has ended, a state that is not sound is repaired before it is
    /// opened, as it is refused otherwise.
    /// </summary>
    public Action<SimulatedFile>? Damage { get; init; }

    /// <summary>Whether the damage is nothing but leaks: then all rules hold at once.</summary>
    public bool IsDamageOnlyLeaks { get; init; }

    /// <summary>Whether the damage sets the format's own mark: then that is there until the image is sound.</summary>
    public bool IsDamageMarked { get; init; }

    /// <summary>Places of the disk (from, to, length, whole sectors) that the damage makes read as others do.</summary>
    public IReadOnlyList<(long From, long To, long LengthBytes)> DamagedCopies { get; init; } = [];

    /// <summary>Put between the image and its storage while the workload is recorded: to prove that the explorer finds what it should.</summary>
    public Func<IImageStorage, IImageStorage>? Between { get; init; }

    /// <summary>A second reader of the format, that knows nothing of the first; null: none.</summary>
    public Func<SimulatedFile, IPlainReading>? SecondReader { get; init; }

    /// <summary>Leaks that the image has from the start, in bytes.</summary>
    public long LeakAllowanceBytes { get; init; }

    /// <summary>How much longer a file of some length is made ahead of need; null: by no more than what is written at once.</summary>
    public Func<long, long>? GrowthStepBytes { get; init; }

    /// <summary>What a change of the size may leave behind of tables, in bytes.</summary>
    public long TablesOfResizeBytes { get; init; }

    /// <summary>
    /// All that the header says, as one text: what a crash leaves is that which was there when a step began or had ended, or what was written as one, never a
    /// mixture. Null: not looked at.
    /// </summary>
    public Func<SimulatedFile, string>? HeaderOf { get; init; }

    /// <summary>How long the header is: a write of so much at the start of the file is one header.</summary>
    public int HeaderBytes { get; init; } = SparseBytes.SectorBytes;

    /// <summary>The seed of an order in which the recorded workload's requests and what the image begins by itself go on, with a clock that moves; null: one after the other.</summary>
    public int? Schedule { get; init; }

    /// <summary>For a failed test.</summary>
    public string Description { get; init; } = "";

    /// <summary>Whether states are repaired before they are opened.</summary>
    internal bool IsDamaged => Damage is not null;

    internal IDiskImage Open(SimulatedFile file, bool isReadOnly, bool isRecorded = false, Scheduler? scheduler = null)
    {
        IImageStorage storage = Storage(file, isReadOnly, isRecorded);
        storage = scheduler is null ? storage : new ScheduledStorage(scheduler, storage);
        try
        {
            IDiskImage image = Backend.Open(storage, new ImageOpenOptions
            {
                Mode = Mode,
                Tables = isRecorded && TablePages > 0 ? new TablePool((long)TablePages * TablePage.SizeBytes) : new TablePool(16 << 20),
                // A clock that stands still where nobody schedules: only what the workload asks for is written back then.
                Time = scheduler?.Time ?? new FakeTime(),
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
    internal CheckReport Check(SimulatedFile file, RepairMode repair = RepairMode.None, bool isRecorded = false, int findings = 0)
    {
        ImageCapabilities capabilities = Backend.Info.Capabilities;
        if ((capabilities & ImageCapabilities.Check) == 0)
        {
            return new CheckReport();
        }

        repair = (capabilities & ImageCapabilities.Repair) == 0 ? RepairMode.None : repair;
        using IImageStorage storage = Storage(file, isReadOnly: repair == RepairMode.None, isRecorded);
        Task<CheckReport> check = Backend.CheckAsync(storage, new CheckOptions { Repair = repair, MaxReportedFindings = findings }).AsTask();
        OneThread.Complete(check);
        return check.GetAwaiter().GetResult();
    }

    private IImageStorage Storage(SimulatedFile file, bool isReadOnly, bool isRecorded) =>
        !file.KeepsTrace ? new StateStorage(file, BudgetOf(file), isReadOnly)
        : !isRecorded ? new BudgetStorage(file, BudgetOf(file), isReadOnly)
        : Between is not null ? Between(file.Open(isReadOnly)) : file.Open(isReadOnly);

    private static long BudgetOf(SimulatedFile file) => LeastBudget + (file.LengthBytes / SparseBytes.SectorBytes);
}
