using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>A small image, and a guest that writes to it.</summary>
/// <param name="Name">What docs/reliability.md calls it.</param>
/// <param name="HasParent">Whether it lies over a raw image, all of which holds data.</param>
/// <param name="Before">What was written, and the image closed, before the recording begins.</param>
/// <param name="Steps">What is recorded.</param>
internal sealed record ImageScenario(string Name, bool HasParent, GuestStep[] Before, GuestStep[] Steps)
{
    public const int GuestBytes = 64 << 10;
    public const int ClusterBytes = 4096;

    /// <summary>Those of docs/reliability.md.</summary>
    public static IReadOnlyList<ImageScenario> All { get; } =
    [
        new("A: fresh image, one write", false, [], [new(0, 4096, 0xA1)]),
        new("B: image with a table, one write", false, [new(0, 4096, 0x11)], [new(16384, 4096, 0xA1)]),
        new("C: write, flush, write", false, [], [new(0, 4096, 0xA1), GuestStep.Flush, new(16384, 4096, 0xA2)]),
        new("D: overlay, one write", true, [], [new(1024, 1024, 0xA1)]),
        new("E: overlay, write, flush, write, zero", true, [], [new(0, 2048, 0xA1), GuestStep.Flush, new(16384, 4096, 0xA2), new(0, 4096, 0)]),
        new("F: image with a table, three writes", false, [new(0, 4096, 0x11)], [new(16384, 4096, 0xA1), new(8192, 1024, 0xA2), new(36864, 4096, 0xA3)]),
    ];

    public ParentLevels Beneath => HasParent ? new ParentLevels((GuestBytes, [(0, GuestBytes)])) : new ParentLevels();

    public byte[] Parent
    {
        get
        {
            byte[] bytes = new byte[GuestBytes];
            Beneath.Read(0, bytes);
            return bytes;
        }
    }

    /// <summary>Any other.</summary>
    public static ImageScenario Draw(Random random)
    {
        byte pattern = 0xA0;
        GuestStep[] before = [.. Enumerable.Range(0, random.Next(3)).Select(_ => DrawStep(random, 0x10))];
        List<GuestStep> steps = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => DrawStep(random, random.Next(5) == 0 ? (byte)0 : ++pattern))];
        if (random.Next(2) == 0)
        {
            steps.Insert(random.Next(1, steps.Count + 1), GuestStep.Flush);
        }

        return new ImageScenario("drawn", random.Next(2) == 0, before, [.. steps]);
    }

    /// <summary>What the guest reads when the recording begins.</summary>
    public byte[] Start()
    {
        byte[] guest = Parent;
        foreach (GuestStep step in Before)
        {
            step.Apply(guest);
        }

        return guest;
    }

    public override string ToString() => $"{Name}: {(HasParent ? "overlay, " : "")}{string.Join("; ", Before.Select(step => step.ToQemuIo()))} | {string.Join("; ", Steps.Select(step => step.ToQemuIo()))}";

    private static GuestStep DrawStep(Random random, byte pattern)
    {
        const int Sector = SparseBytes.SectorBytes;
        int offset = random.Next(GuestBytes / ClusterBytes) * ClusterBytes;
        return random.Next(2) == 0
            ? new GuestStep(offset, Math.Min(ClusterBytes * random.Next(1, 3), GuestBytes - offset), pattern)
            : new GuestStep(offset + (random.Next(4) * Sector), random.Next(1, 5) * Sector, pattern);
    }
}
