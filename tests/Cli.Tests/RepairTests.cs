using System.Buffers.Binary;
using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class RepairTests : IDisposable
{
    private const int ClusterBytes = 64 << 10;
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Repair_OfLeaks_GivesThemBack_AndQemuFindsNothing()
    {
        await MakeAsync();
        long length = Length;
        using (FileStream file = File.OpenWrite(_cli.PathOf("a.qed")))
        {
            file.SetLength(length + (3 * ClusterBytes));
        }

        string said = await _cli.OkAsync("check", "-r", "leaks", "a.qed");

        Assert.Contains("The following inconsistencies were found and repaired:\n\n    3 leaked clusters\n    0 corruptions\n\n", said, StringComparison.Ordinal);
        Assert.Contains("done: ", said, StringComparison.Ordinal);
        Assert.EndsWith(await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed"), said, StringComparison.Ordinal);
        Assert.Equal(length, Length);
    }

    [Fact]
    public async Task Repair_OfEverything_SaysWhatItDidAndWhatWasLost_AndQemuFindsNothing()
    {
        await MakeAsync(Damage.Misaligned, Damage.Shared);

        string said = await _cli.OkAsync("check", "-r", "all", "a.qed");

        Assert.Contains("    2 corruptions\n", said, StringComparison.Ordinal);
        Assert.Contains("done, data lost: ", said, StringComparison.Ordinal);
        Assert.Contains("No data is left for 64 KiB of the disk (65536 bytes)", said, StringComparison.Ordinal);
        Assert.EndsWith(await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed"), said, StringComparison.Ordinal);

        // Both readers of the shared cluster keep it; what the bad entry named is gone.
        await _cli.QemuIoAsync("a.qed", "read -P 1 0 64k", "read -P 0 64k 64k", "read -P 1 128k 72k", "read -P 1 3M 64k", "read -P 2 1M 64k");
    }

    [Fact]
    public async Task Repair_InJson_HasQemuImgsCounts_AndEachThingThatWasDone()
    {
        await MakeAsync(Damage.Misaligned);
        await _cli.ShellAsync("cp a.qed peer.qed");
        ToolRun peer = (await _cli.QemuImgAsync("check", "-f", "qed", "-r", "all", "--output=json", "peer.qed")).ShouldExitWith(3);

        string ours = await _cli.OkAsync("check", "-r", "all", "--output=json", "a.qed");

        // QEMU leaves the leak behind that the repair makes.
        Json.ShouldSayAllThat(peer.Output, ours, "filename", "leaks", "fragmented-clusters");
        JsonNode said = JsonNode.Parse(ours)!;
        Assert.Equal(1, (int)said["leaks-fixed"]!);
        Assert.Null(said["leaks"]);
        Assert.Equal("all", (string)said["repair"]!);
        Assert.False((bool)said["dry-run"]!);
        Assert.Equal(ClusterBytes, (int)said["lost-bytes"]!);
        JsonNode cleared = Assert.Single(said["repairs"]!.AsArray(), action => (string)action!["kind"]! == "cleared-entry")!;
        Assert.Equal(ClusterBytes, (int)cleared["offset"]!);
        Assert.Equal(ClusterBytes, (int)cleared["length"]!);
        Assert.True((bool)cleared["loss"]!);
        Assert.True((bool)said["repairs-complete"]!);
        Assert.Equal("invalid-reference", (string)said["findings"]![0]!["kind"]!);
    }

    [Theory]
    [InlineData("leaks")]
    [InlineData("all")]
    public async Task DryRun_ChangesNothing_AndEndsAsACheckDoes(string mode)
    {
        await MakeAsync(Damage.Misaligned, Damage.Shared, Damage.NeedsCheck);
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        ToolRun run = (await _cli.RunAsync("check", "-r", mode, "--dry-run", "a.qed")).ShouldExitWith(2);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
        Assert.Equal(mode == "all", run.Output.Contains("and -r all would repair them", StringComparison.Ordinal));
        Assert.Contains("Nothing was changed. The image as it is:", run.Output, StringComparison.Ordinal);
        Assert.Contains("2 errors were found on the image.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DryRun_BesideAWriter_IsAllowedWithoutLocks_AndARepairIsNot()
    {
        await MakeAsync();
        using var writer = new RunningQemuIo(_cli, "a.qed");

        await _cli.OkAsync("check", "-r", "all", "--dry-run", "-U", "a.qed");
        Assert.Contains("-U", await _cli.FailAsync(1, "check", "-r", "all", "-U", "a.qed"), StringComparison.Ordinal);
        Assert.Contains("a.qed", await _cli.FailAsync(1, "check", "-r", "all", "a.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Repair_ThatLeavesDamage_EndsWithItsCode()
    {
        await MakeAsync(Damage.Misaligned);

        ToolRun run = (await _cli.RunAsync("check", "-r", "leaks", "a.qed")).ShouldExitWith(2);

        Assert.Contains("left alone: ", run.Output, StringComparison.Ordinal);
        Assert.Contains("-r all", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_OfAnImageThatWasNotClosed_SaysSo_AndARepairClearsTheMark()
    {
        await MakeAsync(Damage.NeedsCheck);

        Assert.Contains("was not closed cleanly", await _cli.OkAsync("check", "a.qed"), StringComparison.Ordinal);
        Assert.True((bool)JsonNode.Parse(await _cli.OkAsync("check", "--output=json", "a.qed"))!["dirty-flag"]!);

        await _cli.OkAsync("check", "-r", "all", "a.qed");

        Assert.False((bool)JsonNode.Parse(await _cli.OkAsync("check", "--output=json", "a.qed"))!["dirty-flag"]!);
        Assert.DoesNotContain("closed cleanly", await _cli.OkAsync("check", "a.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Findings_BeyondTheirLimit_AreCounted_AndThatIsSaid()
    {
        await MakeAsync(Damage.Misaligned, Damage.Shared);

        JsonNode few = JsonNode.Parse((await _cli.RunAsync("check", "--max-findings", "1", "--output=json", "a.qed")).ShouldExitWith(2).Output)!;
        JsonNode all = JsonNode.Parse((await _cli.RunAsync("check", "--output=json", "a.qed")).ShouldExitWith(2).Output)!;

        Assert.Single(few["findings"]!.AsArray());
        Assert.False((bool)few["findings-complete"]!);
        Assert.True((bool)all["findings-complete"]!);
        Assert.Equal((int)all["corruptions"]!, (int)few["corruptions"]!);
    }

    [Fact]
    public async Task Repair_OfRaw_Is63()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[4096]);

        await _cli.FailAsync(63, "check", "-r", "all", "-f", "raw", "a.raw");
    }

    private long Length => new FileInfo(_cli.PathOf("a.qed")).Length;

    private async Task MakeAsync(params Damage[] damages)
    {
        const int NeedCheckBit = 2;
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "4M");
        await _cli.QemuIoAsync("a.qed", "write -P 1 0 200k", "write -P 2 1M 64k", "write -z 2M 64k");
        byte[] image = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));
        Span<byte> table = image.AsSpan((int)BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(ClusterBytes)));
        foreach (Damage damage in damages)
        {
            switch (damage)
            {
                case Damage.Misaligned:
                    BinaryPrimitives.WriteInt64LittleEndian(table[8..], BinaryPrimitives.ReadInt64LittleEndian(table[8..]) + 5);
                    break;
                case Damage.Shared:
                    table[..8].CopyTo(table[(48 * 8)..]);
                    break;
                case Damage.NeedsCheck:
                    image[16] |= NeedCheckBit;
                    break;
            }
        }

        await File.WriteAllBytesAsync(_cli.PathOf("a.qed"), image);
    }

    private enum Damage
    {
        /// <summary>The entry of the disk's second cluster names no cluster.</summary>
        Misaligned,

        /// <summary>The cluster at 3 MiB is the disk's first one.</summary>
        Shared,

        /// <summary>The mark that a check is due is set.</summary>
        NeedsCheck,
    }
}
