using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>Chains that QEMU's tools make, look at and rearrange.</summary>
internal sealed class QemuChains(ChainBench bench)
{
    // What its check ends with.
    private const int LeaksFound = 3;

    private readonly string _img = Peers.Require("qemu-img");
    private readonly string _io = Peers.Require("qemu-io");

    /// <summary>Makes a chain as planned, all of it by QEMU. Discards do nothing there, but in a raw file, where they are left out.</summary>
    /// <remarks>
    /// A write into a part of a zero cluster over a parent brings the parent's bytes back with QEMU 7.2, so such a write is widened to whole clusters.
    /// </remarks>
    public async Task<TestChain> MakeAsync(ChainPlan plan, string folder)
    {
        List<ChainLevel> levels = [];
        foreach (LevelPlan level in plan.Levels)
        {
            ChainLevel? parent = levels.FirstOrDefault();
            string path = Path.Combine(folder, level.Name);
            string[] options = level.Format == "raw" ? [] : ["-o", $"cluster_size={level.ClusterBytes},table_size={level.TableClusters}"];
            string[] naming = parent is null ? [] : ["-b", parent.Name, "-F", parent.Format];
            await ImgAsync(["create", "-q", "-f", level.Format, .. options, .. naming, path, $"{level.SizeBytes}"]);
            GuestBytes view = parent is null ? new GuestBytes(level.SizeBytes) : parent.View.CloneAs(level.SizeBytes);
            await WriteAsync(path, level, view);
            levels.Insert(0, new ChainLevel { Path = path, Format = level.Format, View = view });
        }

        return new TestChain(bench, levels);
    }

    /// <summary>qemu-img finds every image clean, and reads every level, of which that is known, as it must.</summary>
    public async Task ShouldAgreeAsync(TestChain chain, string what)
    {
        foreach (ChainLevel level in chain.Levels)
        {
            if (level.Format != "raw")
            {
                ToolRun check = await ToolRun.RunAsync(_img, ["check", "-f", level.Format, level.Path]);
                Assert.True(check.ExitCode == 0 || (check.ExitCode == LeaksFound && MayInventLeaks(level.Path)), $"{what}: qemu-img check of {level.Name} ends with {check.ExitCode}: {check.Output} {check.Error}");
            }

            if (level.IsViewKnown)
            {
                await ShouldReadAsync(level.Path, level.Format, level.View, what);
            }
        }
    }

    // It divides the length of the file by one less than the size of a cluster.
    private static bool MayInventLeaks(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[8];
        file.ReadExactly(start);
        uint clusterBytes = BinaryPrimitives.ReadUInt32LittleEndian(start[4..]);
        return file.Length / clusterBytes >= clusterBytes - 1;
    }

    /// <summary>qemu-img reads this.</summary>
    public async Task ShouldReadAsync(string path, string format, GuestBytes view, string what)
    {
        string expected = bench["expected.raw"];
        view.Save(expected);
        ToolRun compare = await ToolRun.RunAsync(_img, ["compare", "-q", "-f", format, "-F", "raw", path, expected]);
        Assert.True(compare.ExitCode == 0, $"{what}: qemu-img compare of {Path.GetFileName(path)} ends with {compare.ExitCode}: {compare.Output} {compare.Error}");
    }

    /// <summary>Runs qemu-img; it must succeed.</summary>
    public async Task ImgAsync(params string[] arguments) => (await ToolRun.RunAsync(_img, arguments)).ShouldExitWith(0);

    /// <summary>Runs qemu-img, which may say that it cannot do this.</summary>
    public async Task<bool> TryImgAsync(params string[] arguments)
    {
        ToolRun run = await ToolRun.RunAsync(_img, arguments);
        if (run.ExitCode == 1 && run.Error.Contains("not supported", StringComparison.Ordinal))
        {
            return false;
        }

        run.ShouldExitWith(0);
        return true;
    }

    private async Task WriteAsync(string path, LevelPlan level, GuestBytes view)
    {
        var zeroed = new HashSet<long>();
        List<string> commands = [];
        foreach (GuestChange change in level.Changes)
        {
            switch (change.Kind)
            {
                case GuestChangeKind.Data:
                    GuestChange wide = Widen(change, level, zeroed);
                    string pattern = bench[$"pattern{commands.Count}"];
                    byte[] data = GuestPattern.Make(wide.Offset, wide.LengthBytes, wide.Pattern);
                    await File.WriteAllBytesAsync(pattern, data);
                    view.Write(wide.Offset, data);
                    commands.Add($"write -q -s {pattern} {wide.Offset} {wide.LengthBytes}");
                    break;
                case GuestChangeKind.Discard when level.Format == "raw":
                    break;
                case GuestChangeKind.Discard:
                    commands.Add($"discard -q {change.Offset} {change.LengthBytes}");
                    break;
                default:
                    // Parts of clusters it writes as data.
                    GuestChange zero = Widen(change, level, zeroed);
                    for (long cluster = zero.Offset / level.BlockBytes; cluster * level.BlockBytes < zero.EndBytes; cluster++)
                    {
                        zeroed.Add(cluster);
                    }

                    view.Zero(zero.Offset, zero.LengthBytes);
                    commands.Add($"write -q -z {(change.Kind == GuestChangeKind.ZeroUnmap ? "-u " : "")}{zero.Offset} {zero.LengthBytes}");
                    break;
            }
        }

        if (commands.Count > 0)
        {
            ToolRun run = await ToolRun.RunAsync(_io, ["-f", level.Format, "-t", "unsafe", .. commands.SelectMany(command => new[] { "-c", command }), path]);
            Assert.DoesNotContain("failed", run.Output + run.Error, StringComparison.OrdinalIgnoreCase);
            run.ShouldExitWith(0);
        }
    }

    private static GuestChange Widen(GuestChange change, LevelPlan level, HashSet<long> zeroed)
    {
        long block = level.BlockBytes;
        long start = zeroed.Contains(change.Offset / block) ? change.Offset / block * block : change.Offset;
        long end = zeroed.Contains((change.EndBytes - 1) / block) ? Math.Min(level.SizeBytes, (((change.EndBytes - 1) / block) + 1) * block) : change.EndBytes;
        return change with { Offset = start, LengthBytes = (int)(end - start) };
    }
}
