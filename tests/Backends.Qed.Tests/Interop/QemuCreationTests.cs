using System.Text.Json;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Interop;

/// <summary>What we create, QEMU opens, checks and writes; what QEMU creates, we read.</summary>
public sealed class QemuCreationTests
{
    public static TheoryData<int, int, long> Geometries => new()
    {
        { 4096, 4, 5 << 20 },
        { 65536, 4, (64 << 20) + 512 },
        { 1 << 20, 4, 1L << 58 },
        { 65536, 16, 1L << 50 },
        { 4096, 2, 4L << 30 },
        { 2 << 20, 8, 1L << 40 },
        { 65536, 2, 0 },
    };

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task CreatedByUs_OpensAndChecksInQemu_AndStaysSoundWhenQemuWrites(int cluster, int table, long size)
    {
        using QemuImg qemu = new();
        var file = new SimulatedFile();
        new QedBackend().Create(file.Open(), OptionsOf(size, cluster, table));
        qemu.Save(file);

        JsonElement info = await qemu.InfoAsync();
        Assert.Equal((size, (long)cluster), (info.GetProperty("virtual-size").GetInt64(), info.GetProperty("cluster-size").GetInt64()));
        (await qemu.RunAsync("check", "a.qed")).ShouldExitWith(0);

        if (size > 0)
        {
            (await qemu.IoAsync("a.qed", "write -P 17 512 1024", $"write -P 18 {size - 512} 512", $"write -z {cluster * 4} {cluster}")).ShouldExitWith(0);
            SimulatedFile written = qemu.Load();
            CheckReport report = await new QedBackend().CheckAsync(written.Open(), new CheckOptions(), null, TestContext.Current.CancellationToken);
            Assert.True(report.IsClean, string.Join('\n', report.Findings));
            Assert.Equal((2, 1), (report.AllocatedClusters, report.ZeroClusters));
            Assert.Equal(written.LengthBytes, report.ImageEndOffset);
        }
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task CreatedByUs_IsByteForByteWhatQemuCreates(int cluster, int table, long size)
    {
        using QemuImg qemu = new();
        var file = new SimulatedFile();
        new QedBackend().Create(file.Open(), OptionsOf(size, cluster, table));
        (await qemu.RunAsync("create", "-q", "-f", "qed", "-o", $"cluster_size={cluster},table_size={table}", "a.qed", $"{size}")).ShouldExitWith(0);

        SimulatedFile theirs = qemu.Load();

        Assert.Equal(theirs.LengthBytes, file.LengthBytes);
        Assert.Equal(theirs.ReadBytes(0, 1 << 20), file.ReadBytes(0, 1 << 20));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qed")]
    public async Task CreatedByUs_WithAParent_IsWhatQemuCreates_AndQemuFindsTheParent(string format)
    {
        using QemuImg qemu = new();
        (await qemu.RunAsync("create", "-q", "-f", format, "base.img", "1M")).ShouldExitWith(0);
        (await qemu.RunAsync("create", "-q", "-f", "qed", "-b", "base.img", "-F", format, "theirs.qed")).ShouldExitWith(0);
        var file = new SimulatedFile();
        new QedBackend().Create(file.Open(), new ImageCreateOptions { VirtualSizeBytes = 1 << 20, Parent = new ParentReference("base.img", format) });
        qemu.Save(file);

        Assert.Equal(qemu.Load("theirs.qed").ReadBytes(0, 400_000), file.ReadBytes(0, 400_000));
        JsonElement info = await qemu.InfoAsync();
        Assert.Equal("base.img", info.GetProperty("backing-filename").GetString());
        Assert.Equal(format == "raw", info.TryGetProperty("backing-filename-format", out _));
        (await qemu.IoAsync("a.qed", "read -P 0 0 1M", "write -P 3 4k 4k")).ShouldExitWith(0);
        (await qemu.RunAsync("check", "a.qed")).ShouldExitWith(0);
    }

    [Theory]
    [InlineData(4032)]
    [InlineData(4033)]
    [InlineData(4095)]
    public async Task CreatedByUs_WithALongName_OpensInQemu_WhereItsOwnFileWouldNot(int length)
    {
        using QemuImg qemu = new();
        string name = new('n', length);
        var file = new SimulatedFile();
        new QedBackend().Create(file.Open(), OptionsOf(1 << 20, 4096, 2) with { Parent = new ParentReference(name, ParentReference.Raw) });
        qemu.Save(file);

        Assert.Equal(name, (await qemu.InfoAsync()).GetProperty("backing-filename").GetString());
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task CreatedByQemu_IsReadByUs(int cluster, int table, long size)
    {
        using QemuImg qemu = new();
        (await qemu.RunAsync("create", "-q", "-u", "-f", "qed", "-o", $"cluster_size={cluster},table_size={table}", "-b", "../ä/b.img", "-F", "raw", "a.qed", $"{size}")).ShouldExitWith(0);
        SimulatedFile file = qemu.Load();

        using IDiskImage image = new QedBackend().Open(file.Open(readOnly: true), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });

        Assert.Equal((size, cluster), (image.VirtualSizeBytes, image.Limits.BlockBytes));
        Assert.Equal(("../ä/b.img", true), (image.Parent!.Name, image.Parent.IsRaw));
        Assert.Empty(image.Warnings);
    }

    [Fact]
    public async Task LeftFlaggedByAKilledQemu_IsCheckedAndCleared_AndQemuFindsItSound()
    {
        using QemuImg qemu = new();
        (await qemu.RunAsync("create", "-q", "-f", "qed", "a.qed", "1G")).ShouldExitWith(0);
        await qemu.IoAsync("a.qed", "write -P 5 0 64k", "write -P 6 512M 64k", "sigraise 9");
        SimulatedFile file = qemu.Load();
        Assert.Equal(QedFeatures.NeedCheck, QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "a.qed").Features);

        using (IDiskImage readOnly = new QedBackend().Open(file.Open(readOnly: true), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly }))
        {
            Assert.Equal(ImageFlags.NeedsCheck, readOnly.Flags);
        }

        using (IDiskImage image = new QedBackend().Open(file.Open(), new ImageOpenOptions()))
        {
            Assert.Equal(ImageFlags.None, image.Flags);
        }

        Assert.Equal(0UL, QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "a.qed").Features);
        qemu.Save(file);
        (await qemu.RunAsync("check", "a.qed")).ShouldExitWith(0);
        (await qemu.IoAsync("a.qed", "read -P 5 0 64k", "read -P 6 512M 64k")).ShouldExitWith(0);
    }

    private static ImageCreateOptions OptionsOf(long size, int cluster, int table) => new()
    {
        VirtualSizeBytes = size,
        FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{cluster}", ["table_size"] = $"{table}" },
    };
}
