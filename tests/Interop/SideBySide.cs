using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Interop.Tests;

/// <summary>One operation on two copies of a chain: ours, and QEMU's.</summary>
internal sealed class SideBySide(ChainBench bench, QemuChains qemu, TestChain ours, TestChain theirs, IReadOnlyList<ChainLevel> other, string what)
{
    /// <summary>
    /// A chain on which QEMU's commit can be compared: where it writes a part of a cluster that is zero in the target, over a parent, the bytes beneath the target
    /// come back. So its own guest has made no zeros in the target.
    /// </summary>
    public static ChainPlan ForCommit(ChainPlan plan, int depth)
    {
        int target = plan.Levels.Count - 1 - depth;
        return target == 0 ? plan : plan with
        {
            Levels = [.. plan.Levels.Select((level, i) => i != target ? level : level with { Changes = [.. level.Changes.Where(change => change.Kind is GuestChangeKind.Data)] })],
        };
    }

    /// <summary>Runs it on both; false where QEMU says that it cannot do this.</summary>
    public async Task<bool> RunAsync(string operation, int depth)
    {
        bool isDone = true;
        switch (operation)
        {
            case "commit" or "commit to a lower one":
                isDone = await CommitAsync(depth);
                break;
            case "rebase to a lower one":
                await RebaseAsync([.. ours.Levels.Skip(depth)]);
                break;
            case "rebase to another":
                await RebaseAsync(other);
                break;
            case "rebase to nothing":
                await RebaseAsync([]);
                break;
            default:
                await ConvertAsync();
                break;
        }

        await ours.ShouldHoldAsync($"{what}: ours");
        await qemu.ShouldAgreeAsync(ours, $"{what}: ours");
        return isDone;
    }

    /// <summary>QEMU leaves its top filled, and over the parent that it had. It cannot grow an image over a longer one.</summary>
    private async Task<bool> CommitAsync(int depth)
    {
        ChainLevel target = theirs.Levels[depth];
        bool isDone = await qemu.TryImgAsync("commit", "-q", "-f", "qed", "-b", target.Name, theirs.Top.Path);
        await bench.Host.CommitAsync(ours.Top.Path, new CommitOptions { TargetDepth = depth });
        ours.Commit(depth);
        if (isDone)
        {
            GuestBytes committed = ours.Levels[1].View;
            await qemu.ShouldReadAsync(target.Path, target.Format, committed, $"{what}: theirs");
            await ShouldBeEqualAsync(ours.Levels[1], target);
            await ShouldBeEqualAsync(ours.Top, theirs.Top);
        }

        return isDone;
    }

    private async Task RebaseAsync(IReadOnlyList<ChainLevel> beneath)
    {
        ChainLevel? first = beneath is [var level, ..] ? level : null;
        string[] parent = first is null ? ["-b", ""] : ["-b", first.Name, "-F", first.Format];
        await qemu.ImgAsync(["rebase", "-q", "-f", "qed", .. parent, theirs.Top.Path]);
        await bench.Host.RebaseAsync(ours.Top.Path, first?.Path, new RebaseOptions { ParentFormat = first?.Format });
        ours.Drop(ours.Levels.Skip(1).Except(beneath));
        ours.Levels.RemoveRange(1, ours.Levels.Count - 1);
        ours.Levels.AddRange(beneath);

        await qemu.ShouldReadAsync(theirs.Top.Path, "qed", ours.View, $"{what}: theirs");
        await ShouldBeEqualAsync(ours.Top, theirs.Top);
    }

    private async Task ConvertAsync()
    {
        foreach (string format in (string[])["raw", "qed"])
        {
            string copy = Path.Combine(Path.GetDirectoryName(theirs.Top.Path)!, $"copy.{format}");
            await qemu.ImgAsync("convert", "-q", "-f", "qed", "-O", format, theirs.Top.Path, copy);
            string own = Path.Combine(Path.GetDirectoryName(ours.Top.Path)!, $"copy.{format}");
            await bench.Host.ConvertAsync(ours.Top.Path, own, new ConvertOptions { TargetFormat = format });
            await qemu.ShouldReadAsync(own, format, ours.View, $"{what}: ours");
            await ShouldBeEqualAsync(new ChainLevel { Path = own, Format = format, View = ours.View }, new ChainLevel { Path = copy, Format = format, View = ours.View });
        }
    }

    private async Task ShouldBeEqualAsync(ChainLevel one, ChainLevel two)
    {
        var options = new CompareOptions { First = new DiskOpenOptions { Format = one.Format }, Second = new DiskOpenOptions { Format = two.Format } };
        CompareResult result = await bench.Host.CompareAsync(one.Path, two.Path, options);
        Assert.True(result.AreEqual, $"{what}: {one.Name} after our operation and {two.Name} after QEMU's differ at {result.FirstDifferenceOffset}");
    }
}
