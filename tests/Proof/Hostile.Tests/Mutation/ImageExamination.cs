using System.Text;
using QedVd.Backends.Qed;
using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>
/// Everything that is done to one image that may be anything, and what must be true of it whatever the image: see the members. Not thread safe; one for
/// many images, one after the other.
/// </summary>
internal sealed partial class ImageExamination
{
    private const int BufferBytes = 256 << 10;

    // A storage that can do nothing but what it must: no holes, and never-written bytes are anything.
    private const int PoorStorageEach = 8;
    private const StorageFacts PoorFacts = StorageFacts.CanSetLength;

    private static readonly QedBackend s_backend = new();

    private readonly TablePool _pool = new();
    private readonly byte[] _buffer = new byte[BufferBytes];
    private readonly StringBuilder _signature = new();
    private long[] _places = [];
    private ImageRecipe _recipe = new();
    private SimulatedFile _file = new();
    private long _budget;
    private long _allocated;
    private long _measured;
    private int _thread;

    /// <summary>Images that were opened, of those examined.</summary>
    public long Opened { get; private set; }

    /// <summary>Images that were repaired.</summary>
    public long Repaired { get; private set; }

    /// <summary>Images that were written to.</summary>
    public long Written { get; private set; }

    /// <summary>The most that an image has cost: memory on this thread, answers of the storage.</summary>
    public (long Bytes, long Operations) Worst { get; private set; }

    /// <summary>Examines an image. Returns a short text that is the same for images that were answered alike.</summary>
    /// <exception cref="WrongAnswerException">An answer is wrong; any other exception is wrong as well.</exception>
    public async Task<string> RunAsync(ImageRecipe recipe, int number)
    {
        _recipe = recipe;
        _file = recipe.ToFile(number % PoorStorageEach == 2 ? PoorFacts : SimulatedFile.GoodFacts);
        _budget = OperationsAllowed;
        _signature.Clear();
        Probe();

        // Opening and telling what it is costs no more for a bad image than for a good one.
        Measure();
        _allocated = 0;
        string? rejection = OpenForInformation();
        Measure();
        Require(_allocated <= BytesAllowedToOpen, () => $"opening it for information took {_allocated} bytes of memory");
        PlainQed? plain = OpenPlainly(out string plainRejection);
        Require((rejection is null) == (plain is not null), () => $"the engine says '{rejection ?? "open"}', the plain reader '{(plain is null ? plainRejection : "open")}'");
        if (plain is null)
        {
            await RequireRejectedAsync().ConfigureAwait(false);
            return _signature.Append(rejection).ToString();
        }

        Opened++;
        _places = DiskPlaces.Of(recipe, _file);
        Measure();
        _allocated = 0;
        DiskReading reading = await ReadOnlyAsync(plain, isAsynchronous: number % 2 == 1).ConfigureAwait(false);
        CheckReport found = await CheckAsync(_file, new CheckOptions()).ConfigureAwait(false);
        RequireSameVerdict(plain, found);
        Measure();
        long toCheck = _allocated;
        await WriteAsync(reading, found, number).ConfigureAwait(false);
        Measure();
        long toWrite = _allocated;
        await RepairLeaksAsync(reading, found).ConfigureAwait(false);
        await RepairAllAsync(reading, found, number).ConfigureAwait(false);
        Measure();
        Worst = (Math.Max(Worst.Bytes, _allocated), Math.Max(Worst.Operations, OperationsAllowed - _budget));
        Require(_allocated <= BytesAllowed, () => $"reading and checking took {toCheck} bytes of memory, writing {toWrite - toCheck}, repairing {_allocated - toWrite}");
        return _signature.ToString();
    }

    /// <summary>A pure function that never throws; the magic decides.</summary>
    private void Probe()
    {
        byte[] start = _file.ReadBytes(0, (int)Math.Min(512, _file.LengthBytes));
        bool isOurs = start.AsSpan().StartsWith("QED\0"u8);
        ProbeResult result = s_backend.Probe(new ProbeInput(start, _file.LengthBytes, "mutated.qed"));
        Require(result.Confidence == (isOurs ? ProbeConfidence.Certain : ProbeConfidence.No), () => $"probed as {result.Confidence}: {result.Reason}");
        RequireOneLine(result.Reason);
    }

    /// <summary>Opens it for information and asks for all that it says of itself; returns why it cannot be opened, null if it can.</summary>
    private string? OpenForInformation()
    {
        int changes = _file.CountOfChanges();
        using BudgetStorage storage = Storage(readOnly: false);
        try
        {
            using IDiskImage image = s_backend.Open(storage, Options(ImageOpenFlags.Info));
            using StringWriter dump = new();
            image.Dump(dump);
            foreach (string line in dump.ToString().Split('\n').Concat(image.Warnings))
            {
                RequireOneLine(line.TrimEnd('\r'));
            }

            _signature.Append(image.Flags).Append(image.Warnings.Count);
            return null;
        }
        catch (ImageException exception)
        {
            RequireOneLine(exception.Message);
            return $"{exception.Kind} at {exception.OffsetBytes}";
        }
        finally
        {
            Settle(storage);
            Require(_file.CountOfChanges() == changes, () => "opening for information has changed the file");
        }
    }

    private PlainQed? OpenPlainly(out string rejection)
    {
        try
        {
            rejection = "";
            return PlainOf(_file);
        }
        catch (PlainQedException exception)
        {
            rejection = exception.Message;
            return null;
        }
    }

    /// <summary>What cannot be opened for information cannot be opened at all, nor checked, nor repaired, and stays as it is.</summary>
    private async Task RequireRejectedAsync()
    {
        int changes = _file.CountOfChanges();
        await RequireThrowsAsync("opened for reading", async storage => (await s_backend.OpenAsync(storage, Options(ImageOpenFlags.ReadOnly)).ConfigureAwait(false)).Close()).ConfigureAwait(false);
        await RequireThrowsAsync("opened for writing", async storage => (await s_backend.OpenAsync(storage, Options(ImageOpenFlags.None)).ConfigureAwait(false)).Close()).ConfigureAwait(false);
        await RequireThrowsAsync("checked", async storage => await s_backend.CheckAsync(storage, new CheckOptions()).ConfigureAwait(false)).ConfigureAwait(false);
        await RequireThrowsAsync("repaired", async storage => await s_backend.CheckAsync(storage, new CheckOptions { Repair = RepairMode.All }).ConfigureAwait(false)).ConfigureAwait(false);
        Require(_file.CountOfChanges() == changes, () => "an image that is refused was changed");
    }

    private async Task RequireThrowsAsync(string what, Func<IImageStorage, Task> act)
    {
        using BudgetStorage storage = Storage(readOnly: false);
        try
        {
            await act(storage).ConfigureAwait(false);
        }
        catch (ImageException)
        {
            Settle(storage);
            return;
        }

        throw new WrongAnswerException($"{what}, although it cannot be opened for information");
    }

    /// <summary>Opens it for reading and reads: not a byte is written, and all is as the plain reader has it.</summary>
    private async Task<DiskReading> ReadOnlyAsync(PlainQed plain, bool isAsynchronous)
    {
        int changes = _file.CountOfChanges();
        using BudgetStorage storage = Storage(readOnly: false);
        using IDiskImage image = isAsynchronous
            ? await s_backend.OpenAsync(storage, Options(ImageOpenFlags.ReadOnly)).ConfigureAwait(false)
            : s_backend.Open(storage, Options(ImageOpenFlags.ReadOnly));
        Require(
            image.VirtualSizeBytes == plain.VirtualSizeBytes && image.Limits.BlockBytes == plain.ClusterBytes && (image.Parent is null) == plain.ParentNameBytes.IsEmpty
                && (image.Parent is null || image.Parent.NameBytes.SequenceEqual(plain.ParentNameBytes.Span)),
            () => $"{image.VirtualSizeBytes} bytes in blocks of {image.Limits.BlockBytes}, parent '{image.Parent}'; the plain reader has {plain.VirtualSizeBytes}, {plain.ClusterBytes}, '{plain.ParentName}'");
        DiskReading reading = DiskReading.Of(image, _places, _buffer);
        Map(image);
        DiskReading expected = DiskReading.Of(plain, _places, _buffer);
        HashSet<long> tables = TableClusters();
        if (reading.DifferenceTo(expected, (place, mine, _) => mine.Kind == ClusterAnswerKind.Failed && IsInTable(plain, place, tables)) is { } difference)
        {
            throw new WrongAnswerException($"read by the engine and by the plain reader: {difference}");
        }

        Settle(storage);
        Require(_file.CountOfChanges() == changes, () => "reading has changed the file");
        _signature.Append(string.Join("", reading.Answers.Select(answer => answer.Kind).Distinct().Order()));
        return reading;
    }

    /// <summary>Maps from every place that is looked at: runs are inside the disk, and never empty.</summary>
    private void Map(IDiskImage image)
    {
        for (int i = 0; i < _places.Length; i += 7)
        {
            long offset = _places[i] * image.Limits.BlockBytes;
            long rest = image.VirtualSizeBytes - offset;
            try
            {
                Extent extent = image.Map(offset, rest);
                Require(extent.LengthBytes > 0 && extent.LengthBytes <= rest, () => $"the map at {offset} answers {extent}");
                if (image.TryMap(offset, rest, out Extent hint))
                {
                    Require(hint.LengthBytes > 0 && hint.LengthBytes <= rest, () => $"the map in memory at {offset} answers {hint}");
                }
            }
            catch (ImageException exception)
            {
                RequireOneLine(exception.Message);
            }
        }
    }

    /// <summary>Checks; never fails for an image that can be opened, and changes nothing.</summary>
    private async Task<CheckReport> CheckAsync(SimulatedFile file, CheckOptions options)
    {
        int changes = file.CountOfChanges();
        using BudgetStorage storage = new(file, _budget);
        CheckReport report = await s_backend.CheckAsync(storage, options).ConfigureAwait(false);
        Settle(storage);
        Require(options.Repair != RepairMode.None && !options.DryRun || file.CountOfChanges() == changes, () => "a check has changed the file");
        foreach (string line in report.Findings.Select(finding => finding.Message).Concat(report.Repairs.Select(action => action.Message)))
        {
            RequireOneLine(line);
        }

        return report;
    }

    /// <summary>Both readers find damage, or neither does; without any they count the same leaks.</summary>
    private void RequireSameVerdict(PlainQed plain, CheckReport found)
    {
        _signature.Append(found.IsSound ? found.IsClean ? "clean" : "leaks" : "damaged").AppendJoin(',', found.Findings.Select(finding => finding.Kind).Distinct().Order());
        Require(found.CheckErrors == 0, () => "tables that could not be read, of a file that can be");
        if (!IsCheap(_file))
        {
            return;
        }

        PlainCheck expected = plain.Check();
        Require(
            (found.Corruptions == 0) == (expected.Corruptions == 0) && (found.Corruptions > 0 || found.Leaks == expected.LeakedClusters),
            () => $"the check finds {found.Corruptions} corruptions and {found.Leaks} leaks, the plain reader {expected.Corruptions} and {expected.LeakedClusters}: {string.Join("; ", found.Findings)}");
    }
}
