namespace QedVd.TestKit;

/// <summary>Makes a <see cref="FolderTrace"/> of system calls: knows which descriptor is which file, and what each file holds.</summary>
/// <param name="root">The folder, all links resolved.</param>
internal sealed class FolderTraceBuilder(string root)
{
    private const string DescriptorLink = "/proc/self/fd/";
    private const string Deleted = " (deleted)";
    private const string NoPointer = "NULL";

    private readonly List<TracedFile> _files = [];
    private readonly Dictionary<string, TracedFile> _names = [];
    private readonly Dictionary<int, Open> _open = [];
    private readonly Dictionary<SystemCall, int> _covered = [];
    private readonly List<FolderEvent> _events = [];
    private readonly List<(SystemCall Call, TracedFile File, long Start, long End)> _spans = [];
    private Dictionary<string, TracedFile> _initialNames = [];

    public IReadOnlyDictionary<string, TracedFile> Names => _names;

    /// <summary>Takes in the files of the folder as they are.</summary>
    public void LookAtFolder()
    {
        foreach (string path in Directory.GetFiles(root, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Order(StringComparer.Ordinal))
        {
            var content = new SparseBytes();
            content.Write(0, File.ReadAllBytes(path));
            AddFile(Path.GetRelativePath(root, path), content, wasThere: true);
            _names.Add(_files[^1].Name, _files[^1]);
        }

        _initialNames = new(_names);
    }

    public FolderTrace Build(IReadOnlyList<SystemCall> calls)
    {
        foreach ((SystemCall call, bool isEnd) in calls
            .SelectMany(call => new[] { (call, IsEnd: false), (call, IsEnd: true) })
            .Where(moment => !moment.IsEnd || moment.call.End < int.MaxValue)
            .OrderBy(moment => moment.IsEnd ? moment.call.End : moment.call.Begin).ThenBy(moment => moment.IsEnd))
        {
            if (isEnd)
            {
                if (call.Result >= 0)
                {
                    End(call);
                }
            }
            else
            {
                Begin(call);
            }
        }

        return new FolderTrace(_files, _initialNames, _events, FindAmbiguous());
    }

    private void Begin(SystemCall call)
    {
        switch (call.Name)
        {
            case "close":
                // At its begin: another thread may be given the number before this one is told that it is free.
                _open.Remove(SystemCall.DescriptorOf(call.Arguments[0]));
                break;
            case "fsync" or "fdatasync":
                _covered.Add(call, _events.Count);
                break;
            default:
                break;
        }
    }

    private void End(SystemCall call)
    {
        IReadOnlyList<string> arguments = call.Arguments;
        switch (call.Name)
        {
            case "open" or "openat" or "openat2" or "creat":
                OpenFile(call);
                break;
            case "dup" or "dup2" or "dup3":
                Duplicate(call);
                break;
            case "fcntl" when arguments[1].StartsWith("F_DUPFD", StringComparison.Ordinal):
                Duplicate(call);
                break;
            case "lseek" when Find(arguments[0]) is { } open:
                open.Position = call.Result;
                break;
            case "write" when Find(arguments[0]) is { File: { } file } open:
                Write(call, file, open.Next(), SystemCall.DataOf(arguments[1]));
                open.Position += call.Result;
                break;
            case "pwrite64" when Find(arguments[0])?.File is { } file:
                Write(call, file, SystemCall.NumberOf(arguments[3]), SystemCall.DataOf(arguments[1]));
                break;
            case "pwritev" or "pwritev2" when Find(arguments[0])?.File is { } file:
                Write(call, file, SystemCall.NumberOf(arguments[3]), SystemCall.VectorOf(arguments[1]));
                break;
            case "writev" when Find(arguments[0]) is { File: { } file } open:
                Write(call, file, open.Next(), SystemCall.VectorOf(arguments[1]));
                open.Position += call.Result;
                break;
            case "ftruncate" when Find(arguments[0])?.File is { } file:
                Change(call, file, StorageOperationKind.SetLength, SystemCall.NumberOf(arguments[1]), 0);
                break;
            case "fallocate" when Find(arguments[0])?.File is { } file:
                Allocate(call, file, arguments[1], SystemCall.NumberOf(arguments[2]), SystemCall.NumberOf(arguments[3]));
                break;
            case "copy_file_range" when Find(arguments[2]) is { File: not null } target:
                CopyRange(call, Find(arguments[0]), target);
                break;
            case "fsync" or "fdatasync" when Find(arguments[0]) is { } open:
                _events.Add(new FolderEvent { Index = _events.Count, File = open.File, DurableFolder = open.File is null ? open.Folder : null, CoveredCount = _covered[call] });
                break;
            case "rename":
                Rename(PlaceOf(null, arguments[0]), PlaceOf(null, arguments[1]), call);
                break;
            case "renameat" or "renameat2":
                Rename(PlaceOf(arguments[0], arguments[1]), PlaceOf(arguments[2], arguments[3]), call);
                break;
            case "link":
                Link(call, null, arguments[0], PlaceOf(null, arguments[1]));
                break;
            case "linkat":
                Link(call, arguments[0], arguments[1], PlaceOf(arguments[2], arguments[3]));
                break;
            case "unlink":
                Unlink(PlaceOf(null, arguments[0]));
                break;
            case "unlinkat":
                Unlink(PlaceOf(arguments[0], arguments[1]));
                break;
            case "ioctl" when arguments[1].StartsWith("FICLONE", StringComparison.Ordinal) && Find(arguments[0]) is not null:
                throw Unknown(call);
            case "truncate" or "symlink" or "symlinkat" or "mkdir" or "mkdirat" or "rmdir" when arguments.Any(IsInRoot):
                throw Unknown(call);
            default:
                break;
        }
    }

    private static NotSupportedException Unknown(SystemCall call) => new($"The importer does not know what {call} leaves; teach it.");

    private bool IsInRoot(string argument) => argument.StartsWith('"') && SystemCall.TextOf(argument).StartsWith(root + "/", StringComparison.Ordinal);

    private Open? Find(string descriptor) => _open.GetValueOrDefault(SystemCall.DescriptorOf(descriptor));

    private TracedFile AddFile(string name, SparseBytes content, bool wasThere)
    {
        _files.Add(new TracedFile(name, content, wasThere));
        return _files[^1];
    }

    private void OpenFile(SystemCall call)
    {
        string flags = call.Arguments.FirstOrDefault(argument => argument.Contains("O_", StringComparison.Ordinal)) ?? (call.Name == "creat" ? "O_CREAT|O_TRUNC" : "");
        string path = SystemCall.PathOf(call.ResultText) ?? throw Unknown(call);
        if (RelativeOf(path) is not { } name)
        {
            return;
        }

        bool appends = flags.Contains("O_APPEND", StringComparison.Ordinal);
        int descriptor = (int)call.Result;
        bool isNameless = call.ResultText.EndsWith("(deleted)", StringComparison.Ordinal) || path.EndsWith(Deleted, StringComparison.Ordinal);
        if (flags.Contains("O_TMPFILE", StringComparison.Ordinal))
        {
            _open[descriptor] = new Open(AddFile(name, new SparseBytes(), wasThere: false), null);
        }
        else if (!isNameless && Directory.Exists(path))
        {
            _open[descriptor] = new Open(null, name);
        }
        else if (isNameless)
        {
            // Opened again through its descriptor: by whichever of those that are open.
            string own = name.EndsWith(Deleted, StringComparison.Ordinal) ? name[..^Deleted.Length] : name;
            _open[descriptor] = new Open(_files.Last(file => file.Name == own), null);
        }
        else if (_names.TryGetValue(name, out TracedFile? file))
        {
            _open[descriptor] = new Open(file, null) { Appends = appends };
            if (flags.Contains("O_TRUNC", StringComparison.Ordinal) && file.Now.LengthBytes > 0)
            {
                Change(call, file, StorageOperationKind.SetLength, 0, 0);
            }
        }
        else if (flags.Contains("O_CREAT", StringComparison.Ordinal))
        {
            file = AddFile(name, new SparseBytes(), wasThere: false);
            _open[descriptor] = new Open(file, null) { Appends = appends };
            Rename(null, name, file);
        }
        else
        {
            throw Unknown(call);
        }
    }

    private void Duplicate(SystemCall call)
    {
        if (Find(call.Arguments[0]) is { } open)
        {
            _open[(int)call.Result] = open;
        }
        else
        {
            _open.Remove((int)call.Result);
        }
    }

    private void Write(SystemCall call, TracedFile file, long offset, byte[] data) =>
        Change(call, file, StorageOperationKind.Write, offset, call.Result, data.AsMemory(0, (int)call.Result));

    private void Allocate(SystemCall call, TracedFile file, string mode, long offset, long lengthBytes)
    {
        bool keepsLength = mode.Contains("KEEP_SIZE", StringComparison.Ordinal);
        if (mode.Contains("PUNCH_HOLE", StringComparison.Ordinal) || mode.Contains("ZERO_RANGE", StringComparison.Ordinal))
        {
            if (!keepsLength && offset + lengthBytes > file.Now.LengthBytes)
            {
                Change(call, file, StorageOperationKind.SetLength, offset + lengthBytes, 0);
            }

            Change(call, file, StorageOperationKind.PunchHole, offset, lengthBytes);
        }
        else if (mode == "0")
        {
            Change(call, file, StorageOperationKind.Allocate, offset, lengthBytes);
        }
        else if (mode.Replace("FALLOC_FL_", "", StringComparison.Ordinal) != "KEEP_SIZE")
        {
            throw Unknown(call);
        }
    }

    private void CopyRange(SystemCall call, Open? source, Open target)
    {
        byte[] data = new byte[call.Result];
        int read = (source?.File ?? throw Unknown(call)).Now.Read(OffsetIn(call.Arguments[1], source), data);
        if (read != data.Length)
        {
            throw new InvalidDataException($"{call} has copied more than {source.File} holds.");
        }

        long offset = OffsetIn(call.Arguments[3], target);
        source.Position += call.Arguments[1] == NoPointer ? read : 0;
        target.Position += call.Arguments[3] == NoPointer ? read : 0;
        Change(call, target.File!, StorageOperationKind.Write, offset, data.Length, data);

        // "[0]", or "[0 => 4096]" with what it was set to.
        static long OffsetIn(string argument, Open open) => argument == NoPointer ? open.Position : SystemCall.NumberOf(argument.Trim('[', ']').Split(" => ")[0]);
    }

    private void Change(SystemCall call, TracedFile file, StorageOperationKind kind, long offset, long lengthBytes, ReadOnlyMemory<byte> data = default)
    {
        if (kind == StorageOperationKind.Write && lengthBytes == 0)
        {
            return;
        }

        var change = new StorageOperation { Index = _events.Count, Epoch = 0, Kind = kind, Offset = offset, LengthBytes = lengthBytes, Data = data };
        CrashStates.Apply(change, file.Now);
        _events.Add(new FolderEvent { Index = _events.Count, File = file, Change = change });
        if (call.End > call.Begin)
        {
            _spans.Add((call, file, offset, kind == StorageOperationKind.SetLength ? long.MaxValue : offset + lengthBytes));
        }
    }

    private void Link(SystemCall call, string? folder, string source, string? target)
    {
        if (target is null)
        {
            return;
        }

        string path = SystemCall.TextOf(source);
        TracedFile? file = path.StartsWith(DescriptorLink, StringComparison.Ordinal)
            ? _open.GetValueOrDefault(SystemCall.DescriptorOf(path[DescriptorLink.Length..]))?.File
            : PlaceOf(folder, source) is { } name ? _names.GetValueOrDefault(name) : null;
        Rename(null, target, file ?? throw Unknown(call));
    }

    private void Rename(string? from, string? to, SystemCall call)
    {
        if (from is null && to is null)
        {
            return;
        }

        if (from is null || to is null || call.Arguments.Any(argument => argument.Contains("EXCHANGE", StringComparison.Ordinal)) || !_names.TryGetValue(from, out TracedFile? file))
        {
            throw Unknown(call);
        }

        // Two names of one file stay as they are.
        if (_names.GetValueOrDefault(to) != file)
        {
            Rename(from, to, file);
        }
    }

    private void Unlink(string? name)
    {
        if (name is not null)
        {
            Rename(name, null, _names[name]);
        }
    }

    private void Rename(string? from, string? to, TracedFile file)
    {
        var change = new NameChange(from, to, file);
        change.Apply(_names);
        _events.Add(new FolderEvent { Index = _events.Count, Names = change });
    }

    /// <summary>The relative name of a path argument below the root; null for others.</summary>
    private string? PlaceOf(string? folder, string path)
    {
        string text = SystemCall.TextOf(path);
        string at = folder is null ? root : SystemCall.PathOf(folder) ?? "/";
        return RelativeOf(Path.GetFullPath(text, at));
    }

    private string? RelativeOf(string path) =>
        path == root ? "" : path.StartsWith(root + "/", StringComparison.Ordinal) ? path[(root.Length + 1)..] : null;

    private List<string> FindAmbiguous()
    {
        List<string> found = [];
        for (int i = 0; i < _spans.Count; i++)
        {
            for (int j = i + 1; j < _spans.Count; j++)
            {
                (SystemCall one, TracedFile file, long start, long end) = _spans[i];
                (SystemCall other, TracedFile otherFile, long otherStart, long otherEnd) = _spans[j];
                if (one != other && file == otherFile && start < otherEnd && otherStart < end && one.Begin < other.End && other.Begin < one.End)
                {
                    found.Add($"{file}: {one} and {other}");
                }
            }
        }

        return found;
    }

    private sealed class Open(TracedFile? file, string? folder)
    {
        public TracedFile? File => file;

        public string? Folder => folder;

        public long Position { get; set; }

        public bool Appends { get; init; }

        /// <summary>Where what is written without a place goes.</summary>
        public long Next() => Position = Appends ? File!.Now.LengthBytes : Position;
    }
}
