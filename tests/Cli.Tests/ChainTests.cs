using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class ChainTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Chain_OfAFolder_IsATreeFromTheBases()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("chain");

        Assert.Equal(said, await _cli.OkAsync("chain", "."));
        string[] names = [.. said.TrimEnd().Split('\n').Select(line => line[..line.IndexOf("  ", line.IndexOf('.', StringComparison.Ordinal), StringComparison.Ordinal)])];
        Assert.Equal(["alone.qed", "base.qed", "├── left.qed", "│   └── left-top.qed", "└── right.qed"], names);
        Assert.Contains("base.qed  qed, 4 MiB, ", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chain_OfAFile_IsItsTreeOnly()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("chain", "right.qed");

        Assert.Contains("left-top.qed", said, StringComparison.Ordinal);
        Assert.DoesNotContain("alone.qed", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chain_InJson_LinksParentsAndChildren()
    {
        await MakeAsync();

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("chain", "--output=json"))!;

        Assert.Equal(["alone.qed", "base.qed"], said["roots"]!.AsArray().Select(root => (string)root!));
        JsonNode left = said["images"]!.AsArray().Single(image => (string)image!["filename"]! == "left.qed")!;
        Assert.Equal(("base.qed", "found", "base.qed", 5L << 20), ((string)left["parent"]!, (string)left["link"]!, (string)left["backing-filename"]!, (long)left["virtual-size"]!));
        Assert.Equal(["left-top.qed"], left["children"]!.AsArray().Select(child => (string)child!));
        Assert.Empty(said["problems"]!.AsArray());
        Assert.Empty(said["unfinished-merges"]!.AsArray());
    }

    [Fact]
    public async Task Chain_WithABrokenLink_ExplainsIt_AndExitsWith2()
    {
        await MakeAsync();
        File.Delete(_cli.PathOf("left.qed"));

        ToolRun run = (await _cli.RunAsync("chain")).ShouldExitWith(2);

        Assert.Contains("BROKEN: its parent 'left.qed' does not exist", run.Output, StringComparison.Ordinal);
        Assert.Contains("qedvd chain repair", run.Output, StringComparison.Ordinal);
        JsonNode said = JsonNode.Parse((await _cli.RunAsync("chain", "--output=json")).ShouldExitWith(2).Output)!;
        Assert.Equal("missing", (string)said["images"]!.AsArray().Single(image => (string)image!["filename"]! == "left-top.qed")!["link"]!);
    }

    [Fact]
    public async Task Chain_GoesBelow_OnlyWhenAsked_AndFollowsNamesOnlyWhereAllowed()
    {
        await MakeAsync();
        Directory.CreateDirectory(_cli.PathOf("sub"));
        await _cli.OkAsync("create", "-q", "-b", "../base.qed", "-F", "qed", "sub/below.qed");

        Assert.DoesNotContain("below.qed", await _cli.OkAsync("chain"), StringComparison.Ordinal);
        Assert.Contains("sub/below.qed", await _cli.OkAsync("chain", "--recurse"), StringComparison.Ordinal);
        Assert.Contains("BROKEN", (await _cli.RunAsync("chain", "sub")).ShouldExitWith(2).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("BROKEN", await _cli.OkAsync("chain", "sub", "--allow", "."), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chain_WithAnUnfinishedMerge_NamesIt()
    {
        await MakeAsync();
        await File.WriteAllTextAsync(_cli.PathOf(".base.qed.qedvd-merge"), "");

        ToolRun run = (await _cli.RunAsync("chain")).ShouldExitWith(2);

        Assert.Contains("a merge into 'base.qed' was interrupted", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chain_OfImagesInUse_IsShown()
    {
        await MakeAsync();
        using var holder = new RunningQemuIo(_cli, "left-top.qed");

        Assert.Contains("left-top.qed", await _cli.OkAsync("chain"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chain gone", "gone")]
    [InlineData("chain text.txt", "text.txt")]
    [InlineData("chain --dry-run", "repair")]
    [InlineData("chain repair", "FILE")]
    [InlineData("chain repair a.qed b.qed", "FILE")]
    [InlineData("chain repair --recurse left.qed", "--recurse")]
    [InlineData("chain repair base.qed", "no parent")]
    [InlineData("chain repair gone.qed", "gone.qed")]
    [InlineData("chain repair --parent alone.qed left-top.qed", "alone.qed")]
    public async Task Chain_ThatMakesNoSense_IsRefused(string line, string reason)
    {
        await MakeAsync();
        File.Delete(_cli.PathOf("alone.qed"));
        await File.WriteAllTextAsync(_cli.PathOf("text.txt"), "no image");

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChainRepair_FindsAParentThatWasMoved_AndMakesTheChainWhole()
    {
        await MakeAsync();
        await _cli.OkAsync("convert", "-O", "raw", "left-top.qed", "expected.raw");
        Directory.CreateDirectory(_cli.PathOf("moved"));
        await _cli.OkAsync("rename", "-q", "left.qed", "moved/left.qed");

        Assert.Contains("--search", await _cli.FailAsync(1, "chain", "repair", "left-top.qed"), StringComparison.Ordinal);
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("left-top.qed"));
        Assert.Contains("would get 'moved/left.qed'", await _cli.OkAsync("chain", "repair", "--dry-run", "--search", "moved", "left-top.qed"), StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("left-top.qed")));

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("chain", "repair", "--search", "moved", "--output=json", "left-top.qed"))!;

        Assert.Equal(("moved/left.qed", "qed", true), ((string)said["parent"]!, (string)said["parent-format"]!, (bool)said["changed"]!));
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "left-top.qed", "expected.raw");
        Assert.Equal("moved/left.qed", (string)JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "left-top.qed"))!["backing-filename"]!);
        Assert.Contains("nothing to repair", await _cli.OkAsync("chain", "repair", "left-top.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChainRepair_WithTheParentNamed_TakesThat_ButNotWhatDoesNotFit()
    {
        await MakeAsync();
        await _cli.OkAsync("rename", "-q", "left.qed", "other-name.qed");
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("left-top.qed"));

        await _cli.FailAsync(1, "chain", "repair", "--parent", "left-top.qed", "left-top.qed");
        string refusal = await _cli.FailAsync(1, "chain", "repair", "left-top.qed");
        Assert.Contains("other-name.qed': fits by its format and size", refusal, StringComparison.Ordinal);
        Assert.Contains("name it with --parent FILE", refusal, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("left-top.qed")));

        Assert.Contains("'other-name.qed' (qed) now", await _cli.OkAsync("chain", "repair", "--parent", "other-name.qed", "left-top.qed"), StringComparison.Ordinal);
        Assert.Contains("other-name.qed", await _cli.OkAsync("info", "left-top.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ChainRepair_OfAnImageElsewhere_SaysTheNameThatIsStored()
    {
        Directory.CreateDirectory(_cli.PathOf("images"));
        Directory.CreateDirectory(_cli.PathOf("archive"));
        await _cli.OkAsync("create", "-q", "images/base.qed", "1M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "images/child.qed");
        File.Move(_cli.PathOf("images/base.qed"), _cli.PathOf("archive/base.qed"));

        string said = await _cli.OkAsync("chain", "repair", "--search", "archive", "images/child.qed");

        Assert.Contains("now, stored as '../archive/base.qed'.", said, StringComparison.Ordinal);
    }

    private async Task MakeAsync()
    {
        await _cli.OkAsync("create", "-q", "base.qed", "4M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "left.qed", "5M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "right.qed");
        await _cli.OkAsync("create", "-q", "-b", "left.qed", "-F", "qed", "left-top.qed");
        await _cli.OkAsync("create", "-q", "alone.qed", "1M");
        await _cli.QemuIoAsync("left.qed", "write -P 1 0 64k");
        await _cli.QemuIoAsync("left-top.qed", "write -P 2 64k 64k");
    }
}
