namespace QedVd.Host;

/// <content>A level in words.</content>
internal sealed partial class Level
{
    public DiskLevel Describe(int depth) => Guard(() => DescribeCore(depth));

    public ImageDescription DescribeImage() => Guard(DescribeImageCore);

    public ImageFileSize GetFileSize() => Guard(Image.GetFileSize);

    public IReadOnlyDictionary<string, string> GetCreationOptions() => Guard(() => Image.CreationOptions);

    private DiskLevel DescribeCore(int depth)
    {
        ImageFileSize size = Image.GetFileSize();
        return new DiskLevel
        {
            Depth = depth,
            Path = Path,
            FormatId = FormatId,
            VirtualSizeBytes = Image.VirtualSizeBytes,
            BlockBytes = Image.Limits.BlockBytes,
            FileLengthBytes = size.LengthBytes,
            AllocatedBytes = size.AllocatedBytes,
            IsReadOnly = Image.IsReadOnly || depth > 0,
            Flags = Image.Flags,
            ParentName = Image.Parent is { } parent ? DisplayText.Escape(parent.NameBytes) : null,
            Warnings = AllWarnings(),
        };
    }

    private ImageDescription DescribeImageCore()
    {
        ImageFileSize size = Image.GetFileSize();
        ParentReference? parent = Image.Parent is { NameBytes.IsEmpty: false } named ? named : null;
        return new ImageDescription
        {
            Path = Path,
            FormatId = FormatId,
            FormatName = DisplayText.Escape(Image.Backend.DisplayName),
            FormatVersion = DisplayText.Escape(Image.FormatVersion),
            VirtualSizeBytes = Image.VirtualSizeBytes,
            BlockBytes = Image.Limits.BlockBytes,
            FileLengthBytes = size.LengthBytes,
            AllocatedBytes = size.AllocatedBytes,
            Flags = Image.Flags,
            ParentName = parent is null ? null : DisplayText.Escape(parent.NameBytes),
            ParentNameBytes = parent is null ? default : parent.NameBytes.ToArray(),
            ParentFormatId = parent?.FormatId,
            ParentPath = ParentName.TryResolve(parent, Path),
            Warnings = AllWarnings(),
            FormatLines = Dump(),
            HasImageLocks = Storage is not null && Storage.Facts.HasFlag(StorageFacts.HasImageLocks),
        };
    }

    private T Guard<T>(Func<T> describe)
    {
        try
        {
            return describe();
        }
        catch (Exception exception) when (IsFault(exception))
        {
            throw Fault("describing", null, exception);
        }
    }

    private string[] AllWarnings() => [.. Warnings.Select(DisplayText.Escape), .. Image.Warnings.Select(DisplayText.Escape)];

    private string[] Dump()
    {
        using var text = new StringWriter();
        Image.Dump(text);
        return [.. text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => DisplayText.Escape(line.TrimEnd('\r')))];
    }
}
