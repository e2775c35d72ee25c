using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>A folder of its own, our host, and QEMU's tools.</summary>
internal sealed class Workbench : IDisposable
{
    private readonly string _qemuImg = Peers.Require("qemu-img");
    private readonly string _qemuIo = Peers.Require("qemu-io");

    public Workbench()
    {
        Host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>());
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("qedvd-interop-").FullName;

    public DiskHost Host { get; }

    public string PathOf(string name) => Path.Combine(Folder, name);

    public VirtualDisk Open(string name, bool readOnly = false, bool forceShare = false) =>
        Host.OpenDisk(PathOf(name), new DiskOpenOptions { Format = FormatOf(name), ReadOnly = readOnly, ForceShare = forceShare });

    public async Task CreateAsync(string name, long sizeBytes, int clusterBytes, int tableClusters, string? parent, bool byQemu)
    {
        if (byQemu)
        {
            string[] naming = parent is null ? [] : ["-b", parent, "-F", FormatOf(parent)];
            await ImgAsync(["create", "-q", "-f", "qed", "-o", $"cluster_size={clusterBytes},table_size={tableClusters}", .. naming, PathOf(name), $"{sizeBytes}"]);
            return;
        }

        await Host.CreateImageAsync(PathOf(name), "qed", new CreateDiskOptions
        {
            VirtualSizeBytes = sizeBytes,
            ParentName = parent,
            ParentFormat = parent is null ? null : FormatOf(parent),
            FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = $"{tableClusters}" },
        });
    }

    /// <summary>Runs qemu-img; it must succeed.</summary>
    public async Task<ToolRun> ImgAsync(params string[] arguments) => (await ToolRun.RunAsync(_qemuImg, arguments, Folder)).ShouldExitWith(0);

    /// <summary>Runs commands in one qemu-io; all must succeed.</summary>
    public async Task<ToolRun> IoAsync(string name, IEnumerable<string> commands)
    {
        ToolRun run = await RunIoAsync(name, readOnly: false, [.. commands]);
        Assert.DoesNotContain("failed", run.Output + run.Error, StringComparison.OrdinalIgnoreCase);
        return run.ShouldExitWith(0);
    }

    /// <summary>Runs commands in one qemu-io, whatever becomes of them.</summary>
    public Task<ToolRun> RunIoAsync(string name, bool readOnly, params string[] commands)
    {
        // Without -t each write would be followed by a flush of its own.
        string[] access = readOnly ? ["-r"] : [];
        return ToolRun.RunAsync(_qemuIo, [.. access, "-f", FormatOf(name), "-t", "writeback", .. commands.SelectMany(command => new[] { "-c", command }), PathOf(name)], Folder);
    }

    /// <summary>qemu-img check finds nothing, and the content is this: read by QEMU, and read by us.</summary>
    public async Task ShouldHoldAsync(string name, byte[] expected, string what)
    {
        if (FormatOf(name) == "qed")
        {
            await ImgAsync("check", "-q", "-f", "qed", PathOf(name));
        }

        string raw = PathOf("expected.raw");
        await File.WriteAllBytesAsync(raw, expected);
        await ImgAsync("compare", "-f", FormatOf(name), "-F", "raw", PathOf(name), raw);
        AssertReadsAs(name, expected, what);
    }

    public void AssertReadsAs(string name, byte[] expected, string what)
    {
        using VirtualDisk disk = Open(name, readOnly: true);
        Assert.Equal(expected.Length, disk.LengthBytes);
        byte[] actual = new byte[expected.Length];
        disk.Read(0, actual);
        int at = expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(at == expected.Length, at < expected.Length ? $"{what}: byte {at} of {name} is {actual[at]:x2} instead of {expected[at]:x2}" : "");
    }

    public void Dispose()
    {
        Host.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static string FormatOf(string name) => name.EndsWith(".raw", StringComparison.Ordinal) ? "raw" : "qed";
}
