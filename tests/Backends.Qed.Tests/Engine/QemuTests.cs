using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>The engine on real files, against QEMU's own tools, both ways.</summary>
public sealed class QemuTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-engine-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(4096, 2)]
    [InlineData(65536, 4)]
    [InlineData(1 << 20, 16)]
    public async Task ImageWrittenByQemu_IsReadAsQemuReadsIt(int clusterBytes, int tableClusters)
    {
        string path = Path.Combine(_folder, "theirs.qed");
        int size = (clusterBytes * 9) + 1536;
        await Qemu("qemu-img", "create", "-q", "-f", "qed", "-o", $"cluster_size={clusterBytes},table_size={tableClusters}", path, $"{size}");
        await Qemu("qemu-io", "-f", "qed", "-c", $"write -P 0x11 0 {clusterBytes * 2}", "-c", $"write -P 0x22 {clusterBytes * 5} 512", "-c", $"write -z {clusterBytes * 7} {clusterBytes}", "-c", $"write -P 0x33 {size - 512} 512", path);
        byte[] expected = new byte[size];
        expected.AsSpan(0, clusterBytes * 2).Fill(0x11);
        expected.AsSpan(clusterBytes * 5, 512).Fill(0x22);
        expected.AsSpan(size - 512).Fill(0x33);

        using IDiskImage image = Open(path, readOnly: true);

        Assert.True(GuestDisk.Read(image, 0, size).AsSpan().SequenceEqual(expected));
        Assert.True((await GuestDisk.ReadAsync(image, 0, size)).AsSpan().SequenceEqual(expected));
        Assert.Equal(ExtentKind.Zero, image.Map(clusterBytes * 7, clusterBytes).Kind);
    }

    [Theory]
    [InlineData(4096, 2, ConsistencyMode.Ordered)]
    [InlineData(65536, 4, ConsistencyMode.Ordered)]
    [InlineData(1 << 20, 16, ConsistencyMode.Ordered)]
    [InlineData(65536, 4, ConsistencyMode.Lazy)]
    public async Task ImageWrittenHere_IsCleanForQemu_AndReadsTheSame(int clusterBytes, int tableClusters, ConsistencyMode mode)
    {
        string path = Path.Combine(_folder, "ours.qed");
        string raw = Path.Combine(_folder, "expected.raw");
        int size = (clusterBytes * 40) + 1536;
        byte[] model = new byte[size];
        using (File.Create(path))
        {
        }

        using (FileStorage storage = FileStorage.Open(path))
        {
            new QedBackend().Create(storage, Images.CreateOptions(size, clusterBytes, tableClusters));
        }

        Random random = new(clusterBytes + tableClusters);
        using (IDiskImage image = Open(path, readOnly: false, mode))
        {
            for (int step = 0; step < 120; step++)
            {
                int offset = random.Next(size);
                int length = Math.Min(random.Next(1, clusterBytes * 2), size - offset);
                if (step % 6 == 5)
                {
                    Array.Clear(model, offset, length);
                    GuestDisk.WriteZeroes(image, offset, length);
                    continue;
                }

                byte[] data = new byte[length];
                random.NextBytes(data);
                data.CopyTo(model, offset);
                await GuestDisk.WriteAsync(image, offset, data);
                if (step % 20 == 0)
                {
                    await image.FlushAsync();
                }
            }

            image.Close();
        }

        await File.WriteAllBytesAsync(raw, model);
        Assert.Contains("No errors were found", (await Qemu("qemu-img", "check", "-f", "qed", path)).Output, StringComparison.Ordinal);
        await Qemu("qemu-img", "compare", "-f", "qed", "-F", "raw", path, raw);
    }

    private static IDiskImage Open(string path, bool readOnly, ConsistencyMode mode = ConsistencyMode.Ordered) => new QedBackend().Open(
        FileStorage.Open(path, new FileStorageOptions { ReadOnly = readOnly }),
        new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None, Mode = mode });

    private static async Task<ToolRun> Qemu(string tool, params string[] arguments) =>
        (await ToolRun.RunAsync(Peers.Require(tool), arguments)).ShouldExitWith(0);
}
