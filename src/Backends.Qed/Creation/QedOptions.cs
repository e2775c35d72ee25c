using System.Globalization;

namespace QedVd.Backends.Qed;

/// <summary>The options of the format: their descriptions, and their values as numbers.</summary>
internal static class QedOptions
{
    public const string ClusterSize = "cluster_size";
    public const string TableSize = "table_size";
    public const string BackingFile = "backing_file";
    public const string BackingFormat = "backing_fmt";
    public const string QemuCompat = "qemu_compat";

    private const string On = "on";
    private const string Off = "off";

    public static IReadOnlyList<OptionDescriptor> Descriptors { get; } =
    [
        new(ClusterSize, OptionKind.Size, "Bytes per cluster, a power of two from 4k to 64M", Text(QedGeometry.Default.ClusterBytes)),
        new(TableSize, OptionKind.Number, "Clusters per table, a power of two from 1 to 16; unless given, more where a large disk needs it; QEMU cannot open 1", Text(QedGeometry.Default.TableClusters)),
        new(BackingFile, OptionKind.Text, "Name of the parent, stored as it is (1 to 4095 bytes)"),
        new(BackingFormat, OptionKind.Text, "Format of the parent; QED can store 'raw' only, all others are probed for"),
        new(QemuCompat, OptionKind.Switch, "Refuse a geometry that QEMU cannot open; off allows all that the format allows", On),
    ];

    /// <summary>Refuses an option that is not described, or that means something at creation only.</summary>
    public static void RefuseUnknown(IReadOnlyDictionary<string, string> options, bool isCreation, string name)
    {
        foreach (string key in options.Keys)
        {
            OptionDescriptor? descriptor = Descriptors.FirstOrDefault(descriptor => descriptor.Name == key);
            if (descriptor is null)
            {
                throw Invalid(name, isCreation, $"QED has no option '{key}'; it has {string.Join(", ", Descriptors.Select(known => known.Name))}");
            }

            if (!isCreation && descriptor.IsCreateOnly)
            {
                throw Invalid(name, isCreation, $"option '{key}' means something at creation only");
            }
        }
    }

    /// <summary>The geometry that the options ask for. Tables of a size that was not asked for are as large as the disk needs them.</summary>
    public static QedGeometry ReadGeometry(IReadOnlyDictionary<string, string> options, long virtualSizeBytes, string name)
    {
        long clusterBytes = ReadNumber(options, ClusterSize, QedGeometry.Default.ClusterBytes, allowsSuffix: true, name);
        if (!QedGeometry.IsClusterSize(clusterBytes))
        {
            throw Invalid(name, true, $"{ClusterSize} is {clusterBytes}; allowed: powers of two from {1 << QedGeometry.MinClusterBits} to {1 << QedGeometry.MaxClusterBits}");
        }

        long tableClusters = ReadNumber(options, TableSize, QedGeometry.Default.TableClusters, allowsSuffix: false, name);
        if (!QedGeometry.TryCreate(clusterBytes, tableClusters, out QedGeometry geometry))
        {
            throw Invalid(name, true, $"{TableSize} is {tableClusters}; allowed: powers of two from 1 to {1 << QedGeometry.MaxTableBits}");
        }

        while (virtualSizeBytes > geometry.MaxVirtualSizeBytes && !options.ContainsKey(TableSize) && QedGeometry.TryCreate(clusterBytes, geometry.TableClusters * 2, out QedGeometry larger))
        {
            geometry = larger;
        }

        return geometry;
    }

    /// <summary>The options that ask for a geometry. One that QEMU cannot open has to be allowed again.</summary>
    public static IReadOnlyDictionary<string, string> ToRecreate(QedGeometry geometry)
    {
        Dictionary<string, string> options = new() { [ClusterSize] = Text(geometry.ClusterBytes), [TableSize] = Text(geometry.TableClusters) };
        if (!geometry.IsUsableByQemu)
        {
            options.Add(QemuCompat, Off);
        }

        return options;
    }

    /// <summary>Whether a geometry that QEMU cannot open is to be refused.</summary>
    public static bool ReadQemuCompat(IReadOnlyDictionary<string, string> options, string name) => options.GetValueOrDefault(QemuCompat, On) switch
    {
        On => true,
        Off => false,
        string other => throw Invalid(name, true, $"{QemuCompat} is '{QedText.Escape(other)}'; allowed: on, off"),
    };

    /// <summary>The parent to name: as given in the contract's own way, or by the two options that qemu-img has for it.</summary>
    public static ParentReference? ReadParent(ImageCreateOptions options, string name)
    {
        string? file = options.FormatOptions.GetValueOrDefault(BackingFile);
        string? format = options.FormatOptions.GetValueOrDefault(BackingFormat);
        if (options.Parent is not null && file is not null)
        {
            throw Invalid(name, true, $"the parent is given twice, once by the option {BackingFile}; give it once");
        }

        if (file is null && options.Parent is null)
        {
            return format is null ? null : throw Invalid(name, true, $"{BackingFormat} is given without a parent; give {BackingFile} too");
        }

        if (options.Parent is { } parent)
        {
            return format is null || format == parent.FormatId
                ? parent
                : throw Invalid(name, true, $"{BackingFormat} is '{QedText.Escape(format)}', but the parent is given as '{QedText.Escape(parent.FormatId ?? "to be probed for")}'");
        }

        return new ParentReference(file!, format);
    }

    public static ImageException Invalid(string name, bool isCreation, string what) =>
        new(ImageErrorKind.InvalidArgument, $"{name}: {what}.", name, isCreation ? "create" : "open");

    private static long ReadNumber(IReadOnlyDictionary<string, string> options, string key, long defaultValue, bool allowsSuffix, string name)
    {
        if (!options.TryGetValue(key, out string? text))
        {
            return defaultValue;
        }

        ReadOnlySpan<char> digits = text;
        int shift = 0;
        if (allowsSuffix && digits.Length > 1)
        {
            shift = char.ToUpperInvariant(digits[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
            digits = shift == 0 ? digits : digits[..^1];
        }

        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long value) || value > long.MaxValue >> shift)
        {
            throw Invalid(name, true, $"{key} is '{QedText.Escape(text)}', which is no {(allowsSuffix ? "size (a whole number, with k, M, G or T for powers of 1024)" : "whole number")}");
        }

        return value << shift;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
