namespace QedVd.Crashes.Tests.Recorded;

/// <summary>A small image, and a guest that writes to it; those of the specification of reliability, section 5.</summary>
/// <param name="Name">As there.</param>
/// <param name="HasParent">Whether it lies over a raw image, all of which holds data.</param>
/// <param name="Before">What was written, and the image closed, before the recording begins.</param>
/// <param name="Steps">What is recorded.</param>
internal sealed record ImageScenario(string Name, bool HasParent, GuestStep[] Before, GuestStep[] Steps)
{
    public const int GuestBytes = 64 << 10;
    public const int ClusterBytes = 4096;
    public const byte ParentByte = 0x77;

    public static IReadOnlyList<ImageScenario> All { get; } =
    [
        new("A fresh image, 1 write", false, [], [new(0, 4096, 0xA1)]),
        new("B clean image with an L2 table, 1 write", false, [new(0, 4096, 0x11)], [new(16384, 4096, 0xA1)]),
        new("C write, flush, write", false, [], [new(0, 4096, 0xA1), GuestStep.Flush, new(16384, 4096, 0xA2)]),
        new("D overlay, 1 write", true, [], [new(1024, 1024, 0xA1)]),
        new("E overlay, write, flush, write, zero", true, [], [new(0, 2048, 0xA1), GuestStep.Flush, new(16384, 4096, 0xA2), new(0, 4096, 0)]),
        new("F clean image with an L2 table, 3 writes", false, [new(0, 4096, 0x11)], [new(16384, 4096, 0xA1), new(8192, 1024, 0xA2), new(36864, 4096, 0xA3)]),
    ];

    public byte[] Parent => Enumerable.Repeat(HasParent ? ParentByte : (byte)0, GuestBytes).ToArray();

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
}
