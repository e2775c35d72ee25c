using System.Globalization;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A random chain of real files, with what each of its levels reads as.</summary>
internal sealed class PushChain
{
    private readonly TestHost _test;

    private PushChain(TestHost test, IReadOnlyList<string> paths, IReadOnlyList<byte[]> views)
    {
        _test = test;
        Paths = paths;
        Views = [.. views];
    }

    /// <summary>The files, top first.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>What each of them reads as, over those beneath it.</summary>
    public byte[][] Views { get; }

    public static DiskOpenOptions Options { get; } = new() { AllowedParentFormats = ["qed", "raw"] };

    /// <summary>Levels of all lengths and cluster sizes, written, zeroed and discarded at random.</summary>
    public static PushChain Draw(TestHost test, Random random, int levels, string prefix = "", bool withRaw = true)
    {
        List<string> paths = [];
        List<byte[]> views = [];
        byte[] beneath = [];
        for (int i = levels - 1; i >= 0; i--)
        {
            int size = 512 * random.Next(1, 1200);
            string name = string.Create(CultureInfo.InvariantCulture, $"{prefix}{i}.{(i == levels - 1 && withRaw && random.Next(3) == 0 ? "raw" : "qed")}");
            bool isRaw = name.EndsWith("raw", StringComparison.Ordinal);
            if (isRaw)
            {
                test.Raw(name, size, 0);
            }
            else
            {
                string? parent = paths.Count == 0 ? null : Path.GetFileName(paths[0]);
                test.Qed(name, size, parent, parent is not null && parent.EndsWith("raw", StringComparison.Ordinal) ? "raw" : null, 4096 << random.Next(5));
            }

            byte[] view = new byte[size];
            beneath.AsSpan(0, Math.Min(size, beneath.Length)).CopyTo(view);
            using (VirtualDisk disk = test.Host.OpenDisk(test[name], Options with { Format = isRaw ? "raw" : "qed" }))
            {
                Scribble(disk, view, random, random.Next(12));
                disk.Close();
            }

            paths.Insert(0, test[name]);
            views.Insert(0, view);
            beneath = view;
        }

        return new PushChain(test, paths, views);
    }

    /// <summary>Random changes of a disk and its model.</summary>
    public static void Scribble(VirtualDisk disk, byte[] model, Random random, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            int offset = random.Next(model.Length);
            int length = Math.Min(model.Length - offset, random.Next(1, random.Next(3) == 0 ? 200_000 : 20_000));
            if (random.Next(2) == 0)
            {
                offset -= offset % 4096;
                length = Math.Min(model.Length - offset, (length + 4095) / 4096 * 4096);
            }

            switch (random.Next(4))
            {
                case 0:
                    disk.WriteZeroes(offset, length, random.Next(2) == 0 ? WriteFlags.None : WriteFlags.MayUnmap);
                    model.AsSpan(offset, length).Clear();
                    break;
                case 1:
                    disk.Discard(offset, length);
                    disk.Read(offset, model.AsSpan(offset, length));
                    break;
                default:
                    random.NextBytes(model.AsSpan(offset, length));
                    disk.Write(offset, model.AsSpan(offset, length));
                    break;
            }
        }
    }

    public VirtualDisk Open(int level = 0, bool readOnly = false) => _test.Host.OpenDisk(
        Paths[level], Options with { ReadOnly = readOnly, Format = Paths[level].EndsWith("raw", StringComparison.Ordinal) ? "raw" : null });

    /// <summary>What a file reads as, with its own parents.</summary>
    public byte[] Read(int level)
    {
        using VirtualDisk disk = Open(level, readOnly: true);
        return ReadAll(disk);
    }

    public static byte[] ReadAll(VirtualDisk disk)
    {
        byte[] bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    public static void AssertSame(byte[] expected, byte[] seen, string what)
    {
        Assert.True(expected.Length == seen.Length, $"{what}: {seen.Length} bytes, should be {expected.Length}");
        int same = expected.AsSpan().CommonPrefixLength(seen);
        Assert.True(same == expected.Length, $"{what}: differs at {same}");
    }

    public async Task AssertCleanAsync(params IEnumerable<int> levels)
    {
        foreach (int level in levels)
        {
            if (File.Exists(Paths[level]) && Paths[level].EndsWith("qed", StringComparison.Ordinal))
            {
                Assert.True((await _test.Host.CheckAsync(Paths[level])).IsClean, Paths[level]);
            }
        }
    }
}
