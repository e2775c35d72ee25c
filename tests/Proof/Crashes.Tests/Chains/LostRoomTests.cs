using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>The bound itself.</summary>
public sealed class LostRoomTests : IDisposable
{
    private const int ClusterBytes = 4096;
    private const int Clusters = 40;
    private const ulong ZeroEntry = 1;

    private readonly ChainBench _bench = new();

    public void Dispose() => _bench.Dispose();

    /// <summary>A command makes one cluster zeros and fills another: as many are in use before it and after it, and one less between.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task WhatIsGivenUpBeforeAnotherIsTaken_MayBeLost_AndNoMore(int lost, bool isExpected)
    {
        string folder = _bench.NewFolder("room");
        string path = Path.Combine(folder, "0.qed");
        await _bench.Host.CreateImageAsync(path, "qed", new CreateDiskOptions { VirtualSizeBytes = 2 * Clusters * ClusterBytes, FormatOptions = ChainBench.Geometry(ClusterBytes, 1) });
        using (VirtualDisk disk = _bench.Host.OpenDisk(path, new DiskOpenOptions { Format = "qed" }))
        {
            await disk.WriteAsync(0, Enumerable.Repeat((byte)7, Clusters * ClusterBytes).ToArray());
            await disk.CloseAsync();
        }

        LostRoom before = await LostRoom.OfAsync(_bench, folder);
        byte[] image = await File.ReadAllBytesAsync(path);
        byte[] after = [.. image, .. new byte[ClusterBytes]];
        SetEntry(after, 0, ZeroEntry);
        SetEntry(after, Clusters, (ulong)image.Length);
        await File.WriteAllBytesAsync(path, after);
        LostRoom room = before.Or(await LostRoom.OfAsync(_bench, folder));

        for (int i = 0; i < lost; i++)
        {
            SetEntry(image, i, ZeroEntry);
        }

        await File.WriteAllBytesAsync(path, image);
        CheckReport report = await _bench.Host.CheckAsync(path, request: new ImageOpenRequest { Format = "qed" });
        Assert.Equal(lost, report.Leaks);
        Exception? said = Record.Exception(() => room.ShouldNotExceed(path, "0.qed", report));
        Assert.Equal(isExpected, said is null);
    }

    private static void SetEntry(byte[] image, int guestCluster, ulong value)
    {
        int l1 = (int)BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(40));
        int l2 = (int)BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(l1));
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(l2 + (guestCluster * sizeof(ulong))), value);
    }
}
