using System.Globalization;
using System.Text;

namespace QedVd.Host;

/// <summary>
/// What a merge, or a commit past levels, leaves beside its survivor from before the first link changes until all is done, so that doing it again finishes it.
/// Anybody may have put it there: what it says is looked at as a suggestion, see <see cref="MergeLeftovers"/>.
/// </summary>
internal sealed record MergeJournal
{
    private const string Title = "qedvd merge 2";
    private const string End = "end";
    private const string None = "-";

    // What goes of a top, as long as each other: one word is written over the other.
    private const string Top = "source";
    private const string CopiedTop = "copied";
    private const string TopLine = "\nhow down ";
    private const int MaxBytes = 256 << 10;
    private const int SectorBytes = 512;

    /// <summary>The image that stays.</summary>
    public required FileMark Survivor { get; init; }

    /// <summary>Its format: raw is never guessed for writing.</summary>
    public required string SurvivorFormat { get; init; }

    public required MergeDirection Direction { get; init; }

    /// <summary>Not a merge, but a commit past levels: downwards, into the survivor, and the neighbour is the top, which stays.</summary>
    public bool IsCommit { get; init; }

    /// <summary>Downwards: the image that names the survivor as its parent when the links are done. Upwards: the parent that the survivor has then, or null.</summary>
    public required JournalFile? Neighbour { get; init; }

    /// <summary>Downwards: whether the neighbour is the top, and goes too, at the very end.</summary>
    public required bool TakesTop { get; init; }

    /// <summary>Of a top that goes: whether the survivor has all that it held, so that it may be gone. Before that it was renamed, or its volume is not there.</summary>
    public bool IsTopCopied { get; init; }

    /// <summary>Whether files stay: always for a commit, of which who finishes it says whether they go.</summary>
    public required bool KeepsFiles { get; init; }

    /// <summary>What is no part of the chain afterwards; the top excepted.</summary>
    public required IReadOnlyList<JournalFile> Files { get; init; }

    /// <summary>What an operation on a chain that is about to change its links writes down; null where the survivor, or a top that goes, is no file.</summary>
    public static MergeJournal? For(IReadOnlyList<Level> chain, int from, int to, MergeDirection direction, bool keepsFiles)
    {
        bool isDown = direction == MergeDirection.Down;
        Level stays = chain[isDown ? to : from];
        bool takesTop = isDown && from == 0;
        if (stays.Storage is not FileStorage survivor || (takesTop && chain[0].Storage is not FileStorage))
        {
            return null;
        }

        IEnumerable<Level> gone = chain.Skip(takesTop || !isDown ? from + 1 : from).Take(takesTop ? to - 1 : to - from);
        return new MergeJournal
        {
            Survivor = survivor.File.Mark,
            SurvivorFormat = stays.FormatId,
            Direction = direction,
            Neighbour = JournalFile.Of(isDown ? chain[takesTop ? 0 : from - 1] : chain.ElementAtOrDefault(to + 1)),
            TakesTop = takesTop,
            KeepsFiles = keepsFiles,
            Files = [.. gone.Select(JournalFile.Of).OfType<JournalFile>()],
        };
    }

    /// <summary>Where the journal of an image lies.</summary>
    public static string PathOf(string survivorPath) =>
        Path.Combine(Path.GetDirectoryName(survivorPath)!, $".{Path.GetFileName(survivorPath)}{UnfinishedMerge.Suffix}");

    /// <summary>Those of the files that are still there.</summary>
    public IEnumerable<JournalFile> Remaining => Files.Where(file => file.IsInPlace);

    /// <summary>Whether this is one of the files.</summary>
    public bool Names(FileMark? mark) => Files.Any(file => file.Is(mark));

    /// <summary>Whether a chain has one of the files.</summary>
    public bool NamesAnyOf(IEnumerable<Level> chain) => chain.Any(level => Names(level.Mark));

    /// <summary>Whether this level is the neighbour; null where there must be none.</summary>
    public bool IsNeighbour(Level? level) => level is null ? Neighbour is null : IsNeighboursFile(level.Mark);

    /// <summary>Whether this file is the neighbour. A top that takes part was open for writing when the journal was made, another neighbour perhaps not.</summary>
    public bool IsNeighboursFile(FileMark? mark) => Neighbour is { } neighbour && (TakesTop || IsCommit ? neighbour.Is(mark) : neighbour.IsStill(mark));

    /// <summary>Whether all levels from one depth to another are files that go, or there are none: what has come between since is nobody's to take along.</summary>
    public bool NamesAll(IReadOnlyList<Level> chain, int from, int to) => Enumerable.Range(from, Math.Max(0, to - from + 1)).All(depth => Names(chain[depth].Mark));

    /// <summary>The journal of an image; null when there is none, or it is of another file that had this name.</summary>
    /// <exception cref="ImageException">There is something under its name that is none.</exception>
    public static async ValueTask<MergeJournal?> ReadAsync(string survivorPath, FileMark survivor, CancellationToken cancellationToken)
    {
        string path = PathOf(survivorPath);
        FilePeek file = FilePeek.At(path);
        if (file.Error is { Kind: ImageErrorKind.NotFound } && !file.IsLink)
        {
            return null;
        }

        if (!file.IsRegular || file.IsLink)
        {
            throw Bad(path, "it is no regular file");
        }

        byte[] bytes = new byte[MaxBytes + 1];
        int length = 0;
        using (FileStorage storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None }))
        {
            while (length < bytes.Length && await storage.ReadAsync(length, bytes.AsMemory(length), cancellationToken).ConfigureAwait(false) is > 0 and int read)
            {
                length += read;
            }
        }

        MergeJournal journal = length > MaxBytes ? throw Bad(path, "it is too long") : Parse(path, Encoding.UTF8.GetString(bytes, 0, length));
        journal = journal.OnDevice(survivor.Identity.DeviceId);
        return journal.Survivor.Fits(survivor) ? journal : throw Bad(path, "it is of another file, which had this name");
    }

    /// <summary>
    /// The same with the number that the survivor's device has now. Overlays, network file systems and some others get a new one each time they are mounted,
    /// and a power failure may be what interrupted the merge.
    /// </summary>
    private MergeJournal OnDevice(ulong deviceId)
    {
        ulong then = Survivor.Identity.DeviceId;
        return this with
        {
            Survivor = Now(Survivor),
            Neighbour = Neighbour is null ? null : Neighbour with { Mark = Now(Neighbour.Mark) },
            Files = [.. Files.Select(file => file with { Mark = Now(file.Mark) })],
        };

        FileMark Now(FileMark mark) => mark.Identity.DeviceId == then ? mark with { Identity = mark.Identity with { DeviceId = deviceId } } : mark;
    }

    /// <summary>Puts it beside the survivor; durable when it returns.</summary>
    /// <exception cref="ImageException">Also when there is one already, unless it is to be replaced.</exception>
    public async ValueTask WriteAsync(string survivorPath, CancellationToken cancellationToken, bool replaces = false)
    {
        string path = PathOf(survivorPath);
        byte[] bytes = Encoding.UTF8.GetBytes(ToText(Path.GetDirectoryName(path)!));
        if (bytes.Length > MaxBytes)
        {
            throw new ImageException(ImageErrorKind.NotSupported, $"{DisplayText.Escape(survivorPath)}: so many levels with so long names cannot be merged at once; merge some of them.", survivorPath, "merge");
        }

        PendingFile file = PendingFile.Create(path, new PendingFileOptions { Overwrite = replaces });
        await using (file.ConfigureAwait(false))
        {
            await file.Storage.WriteAsync(0, bytes, cancellationToken).ConfigureAwait(false);
            await file.PublishAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Changes what it says of the top, in place and within its first sector; durable when it returns.</summary>
    public static async ValueTask TellTopIsCopiedAsync(string survivorPath, bool isCopied, CancellationToken cancellationToken)
    {
        string path = PathOf(survivorPath);
        using FileStorage storage = FileStorage.Open(path);
        byte[] sector = new byte[SectorBytes];
        int length = await storage.ReadAsync(0, sector, cancellationToken).ConfigureAwait(false);
        string text = Encoding.ASCII.GetString(sector, 0, length);
        int at = Math.Max(text.IndexOf($"{TopLine}{Top} ", StringComparison.Ordinal), text.IndexOf($"{TopLine}{CopiedTop} ", StringComparison.Ordinal));
        if (at < 0 || !storage.File.HasName(path))
        {
            throw Bad(path, "it does not say what was written into it");
        }

        await storage.WriteAsync(at + TopLine.Length, Encoding.ASCII.GetBytes(isCopied ? CopiedTop : Top), cancellationToken).ConfigureAwait(false);
        await storage.BarrierAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes it, at the end of what it was for: that this may not last is noted.</summary>
    public static async ValueTask RemoveAsync(Level survivor, UnsureDeletions unsure)
    {
        try
        {
            await RemoveAsync(survivor).ConfigureAwait(false);
        }
        catch (ImageException exception) when (!File.Exists(PathOf(survivor.Path)))
        {
            unsure.Add(PathOf(survivor.Path), exception);
        }
    }

    /// <summary>Removes it, durably. Nothing happens when it is gone.</summary>
    public static async ValueTask RemoveAsync(Level survivor) => await Task.Run(() =>
    {
        string path = PathOf(survivor.Path);
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.FromException(exception, path, "remove the journal");
        }

        (survivor.Storage as FileStorage)?.File.FlushFolder(Path.GetDirectoryName(path)!);
    }).ConfigureAwait(false);

    private string ToText(string folder)
    {
        var text = new StringBuilder();
        text.Append(Title).Append('\n');
        Add("survivor", Survivor).Append(CultureInfo.InvariantCulture, $" {Uri.EscapeDataString(SurvivorFormat)}\n");
        text.Append(CultureInfo.InvariantCulture, $"how {(IsCommit ? "commit" : Direction == MergeDirection.Down ? "down" : "up")} {(IsTopCopied ? CopiedTop : TakesTop ? Top : None)} {(KeepsFiles ? "keep" : None)}\n");
        AddFile("neighbour", Neighbour);
        foreach (JournalFile file in Files)
        {
            AddFile("file", file);
        }

        return text.Append(End).Append('\n').ToString();

        StringBuilder Add(string word, FileMark mark) =>
            text.Append(CultureInfo.InvariantCulture, $"{word} {mark.Identity.DeviceId:x} {mark.Identity.FileId:x} {mark.Identity.FileIdHigh:x} {mark.BirthStamp:x}");

        void AddFile(string word, JournalFile? file)
        {
            if (file is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"{word} {None}\n");
                return;
            }

            // Relative, so that the folder may be renamed meanwhile.
            Add(word, file.Mark).Append(CultureInfo.InvariantCulture, $" {file.LengthBytes} {Uri.EscapeDataString(Path.GetRelativePath(folder, file.Path))}\n");
        }
    }

    private static MergeJournal Parse(string path, string text)
    {
        string folder = Path.GetDirectoryName(path)!;
        string[] lines = text.Split('\n');
        if (lines.Length < 6 || lines[0] != Title || lines[^2] != End || lines[^1].Length > 0)
        {
            throw Bad(path, "it is not complete");
        }

        string[] survivor = Words(lines[1], "survivor", 6);
        string[] how = Words(lines[2], "how", 4);
        var journal = new MergeJournal
        {
            Survivor = Mark(survivor),
            SurvivorFormat = Uri.UnescapeDataString(survivor[5]),
            IsCommit = how[1] == "commit",
            Direction = how[1] is "down" or "commit" ? MergeDirection.Down : how[1] == "up" ? MergeDirection.Up : throw Bad(path, $"'{DisplayText.Escape(how[1])}' is no direction"),
            TakesTop = how[2] is Top or CopiedTop,
            IsTopCopied = how[2] == CopiedTop,
            KeepsFiles = how[3] == "keep",
            Neighbour = lines[3] == $"neighbour {None}" ? null : ParseFile(lines[3], "neighbour"),
            Files = [.. lines[4..^2].Select(line => ParseFile(line, "file"))],
        };
        return journal is { TakesTop: true } and ({ Neighbour: null } or { IsCommit: true } or { Direction: MergeDirection.Up })
            ? throw Bad(path, "it says that the top goes, but not which that is, or it is none of those where it does")
            : journal;

        JournalFile ParseFile(string line, string word)
        {
            string[] words = Words(line, word, 7);
            string name = Uri.UnescapeDataString(words[6]);
            return name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || !long.TryParse(words[5], NumberStyles.None, CultureInfo.InvariantCulture, out long length)
                ? throw Bad(path, $"'{DisplayText.Escape(line)}' names no file")
                : new JournalFile(Mark(words), length, Path.GetFullPath(name, folder));
        }

        string[] Words(string line, string word, int count)
        {
            string[] words = line.Split(' ');
            return words.Length == count && words[0] == word ? words : throw Bad(path, $"'{DisplayText.Escape(line)}' is not what should stand there");
        }

        FileMark Mark(string[] words) => new(new StorageIdentity(Number(words[1]), Number(words[2]), Number(words[3])), unchecked((long)Number(words[4])));

        ulong Number(string word) => ulong.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : throw Bad(path, $"'{DisplayText.Escape(word)}' is no number");
    }

    private static ImageException Bad(string path, string why) => new(
        ImageErrorKind.Corrupt,
        $"{DisplayText.Escape(path)}: this should be the journal of an interrupted merge, but {why}. Nothing was changed. Look at what lies in the folder, and remove this file.",
        path,
        "merge");
}
