using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class MergeTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Merge_Downwards_SaysLoudlyWhereTheDiskGoesOn()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("merge", "--direction", "down", "top.qed");

        Assert.StartsWith("Merged downwards into 'two.qed'; ", said, StringComparison.Ordinal);
        Assert.Contains("Deleted: 'top.qed'.\n", said, StringComparison.Ordinal);
        Assert.Contains("ATTENTION: the disk goes on in 'two.qed'. Use that file from now on, not 'top.qed'.\n", said, StringComparison.Ordinal);
        await ShouldReadAsync("two.qed");
        Assert.Equal(["base.qed", "expected.raw", "one.qed", "two.qed"], _cli.Files);
    }

    [Fact]
    public async Task Merge_Upwards_KeepsTheName()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("merge", "--direction", "up", "top.qed");

        Assert.StartsWith("Merged upwards into 'top.qed'; ", said, StringComparison.Ordinal);
        Assert.Contains("Deleted: 'two.qed'.\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("ATTENTION", said, StringComparison.Ordinal);
        await ShouldReadAsync("top.qed");
        Assert.Equal(["base.qed", "expected.raw", "one.qed", "top.qed"], _cli.Files);
    }

    [Theory]
    [InlineData("--from two.qed --to base.qed --direction down", "down", "base.qed", "top.qed", "one.qed two.qed")]
    [InlineData("--from two.qed --to base.qed --direction up", "up", "two.qed", "top.qed", "base.qed one.qed")]
    [InlineData("--from two.qed --direction up", "up", "two.qed", "top.qed", "one.qed")]
    [InlineData("--to base.qed --direction up", "up", "top.qed", "top.qed", "base.qed one.qed two.qed")]
    [InlineData("--to base.qed --direction down", "down", "base.qed", "base.qed", "one.qed top.qed two.qed")]
    public async Task Merge_OfARange_InJson_NamesWhatStaysAndWhatGoes(string options, string direction, string survivor, string top, string deleted)
    {
        await MakeAsync();

        JsonNode said = JsonNode.Parse(await _cli.OkAsync(["merge", .. options.Split(' '), "--output=json", "-p", "top.qed"]))!;

        Assert.Equal(("top.qed", direction, survivor, top), ((string)said["filename"]!, (string)said["direction"]!, (string)said["survivor"]!, (string)said["top"]!));
        Assert.Equal(deleted.Split(' '), said["deleted"]!.AsArray().Select(file => (string)file!).Order(StringComparer.Ordinal));
        Assert.Empty(said["kept"]!.AsArray());
        await ShouldReadAsync(top);
        Assert.Empty(_cli.Files.Intersect(deleted.Split(' ')));
    }

    [Fact]
    public async Task Merge_ThatKeeps_DeletesNothing()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("merge", "--keep", "--direction", "down", "top.qed");

        Assert.Contains("Of no use any more, and not deleted: 'top.qed'.", said, StringComparison.Ordinal);
        Assert.Contains("ATTENTION", said, StringComparison.Ordinal);
        Assert.Contains("WARNING: 'top.qed' still opens, over 'two.qed', and hides what is written there from now on.", said, StringComparison.Ordinal);
        Assert.DoesNotContain("Deleted", said, StringComparison.Ordinal);
        Assert.True(File.Exists(_cli.PathOf("top.qed")));
        await ShouldReadAsync("two.qed");
    }

    [Theory]
    [InlineData("merge --direction sideways top.qed", "sideways")]
    [InlineData("merge --from one.qed --to two.qed top.qed", "not beneath")]
    [InlineData("merge --to top.qed top.qed", "not beneath")]
    [InlineData("merge --from gone.qed top.qed", "'two.qed', 'one.qed', 'base.qed'")]
    [InlineData("merge --from base.qed top.qed", "base.qed")]
    [InlineData("merge base.qed", "base.qed")]
    [InlineData("merge --from a.qed gone.qed", "gone.qed")]
    public async Task Merge_ThatMakesNoSense_IsRefused_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        string before = await SumAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Theory]
    [InlineData("up")]
    [InlineData("down")]
    public async Task Merge_OfALevelThatHasAnotherChild_IsRefused_AndChangesNothing(string direction)
    {
        await MakeAsync();
        await _cli.OkAsync("create", "-q", "-b", "two.qed", "-F", "qed", "sibling.qed");
        string before = await SumAsync();

        Assert.Contains("sibling.qed", await _cli.FailAsync(1, "merge", "--direction", direction, "top.qed"), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Fact]
    public async Task Merge_OfAnImageInUse_IsRefused()
    {
        await MakeAsync();
        using var holder = new RunningQemuIo(_cli, "top.qed");

        Assert.Contains("top.qed", await _cli.FailAsync(1, "merge", "top.qed"), StringComparison.Ordinal);
    }

    private async Task MakeAsync()
    {
        await _cli.OkAsync("create", "-q", "base.qed", "4M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "one.qed", "3M");
        await _cli.OkAsync("create", "-q", "-b", "one.qed", "-F", "qed", "two.qed", "4M");
        await _cli.OkAsync("create", "-q", "-b", "two.qed", "-F", "qed", "top.qed", "6M");
        await _cli.QemuIoAsync("base.qed", "write -P 1 0 4M");
        await _cli.QemuIoAsync("one.qed", "write -P 2 512k 1M");
        await _cli.QemuIoAsync("two.qed", "write -P 3 1M 100k", "write -z 64k 64k");
        await _cli.QemuIoAsync("top.qed", "write -P 4 1M 4k", "write -P 5 5M 64k");
        await _cli.OkAsync("convert", "-O", "raw", "top.qed", "expected.raw");
    }

    private async Task ShouldReadAsync(string file)
    {
        await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", "raw", file, "expected.raw");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", file);
    }

    private async Task<string> SumAsync() => (await _cli.ShellAsync("sha256sum *.qed")).Output;
}
