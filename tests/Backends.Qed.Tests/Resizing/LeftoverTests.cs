using System.Buffers.Binary;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>What a hostile or strange writer, or a crash, has left behind the end of the disk must not come to be seen when it grows.</summary>
public sealed class LeftoverTests
{
    private const int Cluster = 4096;
    private const long TableSpan = 512 * Cluster;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EntriesBehindTheEnd_AreCleared_AndTheLeakIsSaid(bool withParent)
    {
        (SimulatedFile file, long secret) = Make(withParent, [10, 511]);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(withParent ? Beneath.UpTo(100 * TableSpan) : Beneath.Nothing);
        byte[] old = GuestDisk.Read(image, 0, Cluster);

        // The slice is changed while it holds what is damaged behind the end.
        image.Write(0, old);
        await image.ResizeAsync(10 * TableSpan, mayShrink: false);

        Assert.Equal(old, GuestDisk.Read(image, 0, Cluster));
        foreach (long place in new[] { 10 * Cluster, 11 * Cluster, 511 * Cluster, TableSpan, 3 * TableSpan })
        {
            Assert.Equal(new byte[Cluster], GuestDisk.Read(image, place, Cluster));
            Assert.Equal(withParent ? ExtentKind.Zero : ExtentKind.Free, image.Map(place, Cluster).Kind);
        }

        Assert.Contains(image.Warnings, warning => warning.Contains("check -r leaks", StringComparison.Ordinal));
        await image.CloseAsync();
        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        Assert.Equal(Enumerable.Repeat((byte)0x5E, Cluster), file.ReadBytes(secret, Cluster));
    }

    [Fact]
    public async Task EntryBehindTheEnd_ThatNamesNoPlace_IsNoDamageAnyMore()
    {
        SimulatedFile file = Images.Create(5 * Cluster, Cluster, 1);
        await using (QedImage made = Images.Open(file))
        {
            made.Write(0, new byte[Cluster]);
        }

        long table = BitConverter.ToInt64(file.ReadBytes(Cluster, 8));
        Poke(file, table + (7 * 8), 0x7FFF_FFFF_F000);
        await using QedImage image = Images.Open(file);

        // The session changes the slice first, and notes what is damaged in it.
        image.Write(Cluster, new byte[Cluster]);
        image.Flush();
        await image.ResizeAsync(20 * Cluster, mayShrink: false);

        Assert.Equal(new byte[20 * Cluster], GuestDisk.Read(image, 0, 20 * Cluster));
        image.Write(7 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 7 * Cluster, Cluster));
        await image.CloseAsync();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task LeftoversBehindTheReachOfTheTables_AreNotCopied()
    {
        (SimulatedFile file, _) = Make(withParent: false, [10]);
        await using QedImage image = Images.Open(file);

        await image.ResizeAsync(2L << 30, mayShrink: false);

        Assert.Equal(new byte[600 * Cluster], GuestDisk.Read(image, 10 * Cluster, 600 * Cluster));
        await image.CloseAsync();
        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        Assert.InRange(report.AllocatedClusters, 1, 1);
    }

    [Fact]
    public async Task LeftoversInALargeL1_AreClearedFarBehindTheSliceInUse()
    {
        // 65,536 L1 entries: 128 slices.
        SimulatedFile file = Images.Create(1 << 20, 32768, 16);
        file.KeepsTrace = false;
        long junk = file.LengthBytes;
        file.Poke(junk + (16 * 32768) - 1, [0]);
        foreach (int index in new[] { 1, 511, 512, 65535 })
        {
            Poke(file, 32768 + (index * 8), (ulong)junk);
        }

        QedGeometry geometry = new(15, 4);
        using (SimulatedStorage storage = file.Open())
        {
            long cleared = await new StoredEntries(storage).SetAsync(32768, 2, geometry.EntriesPerTable, 0, default);
            Assert.Equal(3, cleared);
            Assert.Equal((ulong)junk, await new StoredEntries(storage).GetAsync(32768, 1, default));
        }

        await using QedImage image = Images.Open(file);
        await image.ResizeAsync(geometry.MaxVirtualSizeBytes, mayShrink: false);
        Assert.Equal(ExtentKind.Free, image.Map(geometry.BytesPerL2, 512).Kind);
        Assert.Contains(image.Warnings, warning => warning.StartsWith("1 entries", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Shrinking_ClearsLeftovers_BehindTheOldEndToo()
    {
        (SimulatedFile file, _) = Make(withParent: false, [10, 300]);
        await using (QedImage image = Images.Open(file))
        {
            await image.ResizeAsync(Cluster, mayShrink: true);
        }

        Images.AssertClean(file);
    }

    /// <summary>A disk of ten clusters with one cluster of secret bytes, which entries behind the end name, and two tables behind the end.</summary>
    private static (SimulatedFile File, long Secret) Make(bool withParent, int[] entries)
    {
        SimulatedFile file = Images.Create(10 * Cluster, Cluster, 1, withParent);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, ConcurrencyTests.Pattern(Cluster, 1));
        }

        long table = BitConverter.ToInt64(file.ReadBytes(Cluster, 8));
        long secret = file.LengthBytes;
        file.Poke(secret, Enumerable.Repeat((byte)0x5E, Cluster).ToArray());
        file.Poke(secret + Cluster, new byte[2 * Cluster]);
        foreach (int entry in entries)
        {
            Poke(file, table + (entry * 8), (ulong)secret);
        }

        Poke(file, Cluster + (1 * 8), (ulong)(secret + Cluster));
        Poke(file, Cluster + (3 * 8), (ulong)(secret + (2 * Cluster)));
        Poke(file, secret + Cluster, (ulong)secret);
        return (file, secret);
    }

    private static void Poke(SimulatedFile file, long offset, ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        file.Poke(offset, bytes);
    }
}
