using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Interop.Tests;

/// <summary>One operation on two copies of a chain: ours, and QEMU's.</summary>
internal sealed class SideBySide(ChainBench bench, QemuChains qemu, TestChain ours, TestChain theirs, ChainPlan plan, IReadOnlyList<ChainLevel> other, Random random, string what)
{
    public async Task RunAsync(string operation)
    {
        switch (operation)
        {
            case "commit":
                await CommitAsync(1);
                break;
            case "commit to a lower one":
                await CommitAsync(random.Next(2, ours.Levels.Count));
                break;
            case "rebase to a lower one":
                await RebaseAsync([.. ours.Levels.Skip(random.Next(2, ours.Levels.Count))]);
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
    }

    /// <summary>
    /// QEMU leaves its top filled, and over the parent that it had. It cannot grow an image over a longer one; and where it writes a part of a cluster that is zero in
    /// the target, the bytes beneath the target come back.
    /// </summary>
    private async Task CommitAsync(int depth)
    {
        ChainLevel target = theirs.Levels[depth];
        bool isDone = await qemu.TryImgAsync("commit", "-q", "-f", "qed", "-b", target.Name, theirs.Top.Path);
        bool mayResurrect = depth < theirs.Levels.Count - 1 && plan.Levels[^(depth + 1)].Changes.Any(change => change.Kind is GuestChangeKind.Zero or GuestChangeKind.ZeroUnmap);
        await bench.Host.CommitAsync(ours.Top.Path, new CommitOptions { TargetDepth = depth });
        ours.Commit(depth);

        if (!isDone || mayResurrect)
        {
            return;
        }

        GuestBytes committed = ours.Levels[1].View;
        await qemu.ShouldReadAsync(target.Path, target.Format, committed, $"{what}: theirs");
        await ShouldBeEqualAsync(ours.Levels[1], target);
        await ShouldBeEqualAsync(ours.Top, theirs.Top);
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
