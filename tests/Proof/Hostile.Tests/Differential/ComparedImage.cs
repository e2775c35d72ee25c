using System.Buffers.Binary;
using System.Text;
using QedVd.Backends.Qed;
using QedVd.Hostile.Tests.Mutation;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>An image as our engine answers it, for QEMU to be asked the same.</summary>
internal sealed class ComparedImage
{
    private const int MostPlaces = 48;
    private const int PieceBytes = 4096;
    private const int LargeClusterBytes = 65536;
    private const long LongestForQemuBytes = 1L << 30;

    private static readonly QedBackend s_backend = new();
    private readonly byte[] _header;

    private ComparedImage(string name, MutatedImage image, SimulatedFile file)
    {
        Name = name;
        Image = image;
        File = file;
        _header = new byte[64];
        file.ReadBytes(0, (int)Math.Min(64, file.LengthBytes)).CopyTo(_header, 0);
    }

    /// <summary>Of the file in the private folder.</summary>
    public string Name { get; }

    public MutatedImage Image { get; }

    public SimulatedFile File { get; }

    /// <summary>Why we do not open it; null where we do.</summary>
    public string? Rejection { get; private set; }

    /// <summary>What our check finds; null where we do not open it.</summary>
    public CheckReport? Found { get; private set; }

    /// <summary>What our repair has made of it; null where nothing was to be repaired.</summary>
    public SimulatedFile? Repaired { get; private set; }

    public List<DiskPiece> Pieces { get; } = [];

    public uint ClusterBytes => BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(4));

    public uint TableClusters => BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(8));

    public uint HeaderClusters => BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(12));

    public ulong L1Offset => BinaryPrimitives.ReadUInt64LittleEndian(_header.AsSpan(40));

    public ulong VirtualSizeBytes => BinaryPrimitives.ReadUInt64LittleEndian(_header.AsSpan(48));

    /// <summary>
    /// Whether QEMU may have it: no parent, or the one that lies in the private folder, by its plain name. And not so long that its check would go on for ever.
    /// </summary>
    public bool IsSafeForQemu
    {
        get
        {
            bool hasParent = (_header[16] & 1) != 0;
            uint nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(60));
            bool isSafe = !hasParent || nameBytes == 0
                || (nameBytes == ImageGenerator.ParentName.Length
                    && File.ReadBytes(BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(56)), (int)nameBytes).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(ImageGenerator.ParentName)));
            return isSafe && File.LengthBytes <= LongestForQemuBytes;
        }
    }

    /// <summary>Opens, reads, checks and repairs with our engine.</summary>
    public static async Task<ComparedImage> MakeAsync(string name, MutatedImage image)
    {
        SimulatedFile file = image.Recipe.ToFile();
        ComparedImage compared = new(name, image, file);
        using SimulatedStorage storage = file.Open(readOnly: true);
        try
        {
            using IDiskImage disk = s_backend.Open(storage, new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly, Time = new FakeTime() });
            compared.ReadPieces(disk, DiskPlaces.Of(image.Recipe, file));
        }
        catch (ImageException exception)
        {
            compared.Rejection = exception.Message;
            return compared;
        }

        using SimulatedStorage toCheck = file.Open(readOnly: true);
        compared.Found = await s_backend.CheckAsync(toCheck, new CheckOptions()).ConfigureAwait(false);
        if (!compared.Found.IsClean || compared.Found.NeedsCheck)
        {
            compared.Repaired = file.Copy();
            compared.Repaired.KeepsTrace = false;
            using SimulatedStorage toRepair = compared.Repaired.Open();
            await s_backend.CheckAsync(toRepair, new CheckOptions { Repair = RepairMode.All }).ConfigureAwait(false);
        }

        return compared;
    }

    /// <summary>An entry of L1, and of the L2 table that it names: what leads to a place on the disk.</summary>
    public (ulong Table, ulong Cluster) EntriesOf(long offset)
    {
        long entries = (long)ClusterBytes * TableClusters / 8;
        (long l1Index, long l2Index) = Math.DivRem(offset / ClusterBytes, entries);
        ulong table = Number((long)L1Offset + (l1Index * 8));
        return (table, table <= 1 || table > (ulong)File.LengthBytes ? 0 : Number((long)table + (l2Index * 8)));
    }

    /// <summary>The tables that the recipe's L1 entries name.</summary>
    public IEnumerable<ulong> Tables() => DiskPlaces.L1EntriesOf(Image.Recipe, File).Select(entry => entry.Value).Where(value => value > 1);

    private ulong Number(long offset)
    {
        byte[] bytes = new byte[8];
        if (offset < File.LengthBytes)
        {
            File.ReadBytes(offset, (int)Math.Min(8, File.LengthBytes - offset)).CopyTo(bytes, 0);
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void ReadPieces(IDiskImage disk, long[] places)
    {
        int cluster = disk.Limits.BlockBytes;
        int step = Math.Max(1, (places.Length + MostPlaces - 1) / MostPlaces);
        for (int i = 0; i < places.Length; i += step)
        {
            long start = places[i] * cluster;
            int length = (int)Math.Min(cluster, disk.VirtualSizeBytes - start);
            if (cluster <= LargeClusterBytes)
            {
                Add(disk, start, length);
                continue;
            }

            foreach (int at in (ReadOnlySpan<int>)[0, (cluster / 2) - PieceBytes, cluster - PieceBytes])
            {
                if (at < length)
                {
                    Add(disk, start + at, Math.Min(PieceBytes, length - at));
                }
            }
        }
    }

    private void Add(IDiskImage disk, long offset, int length)
    {
        byte[] bytes = new byte[length];
        try
        {
            ReadResult result = disk.Read(offset, bytes);
            if (result.Kind == ExtentKind.Free && disk.Parent is not null)
            {
                ParentFile.Read(offset, bytes);
            }

            Pieces.Add(new DiskPiece(offset, length, bytes));
        }
        catch (ImageException)
        {
            Pieces.Add(new DiskPiece(offset, length, null));
        }
    }
}
