using System.Text.Json.Nodes;

namespace QedVd.Cli.Tests;

public sealed class SnapshotTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("4k", "1G")]
    [InlineData("1M", "1G")]
    // More than tables of the usual size reach with such clusters.
    [InlineData("4k", "200G")]
    public async Task Snapshot_HasClustersAsLargeAsItsParent(string cluster, string size)
    {
        await _cli.OkAsync("create", "-q", "-o", $"cluster_size={cluster},table_size=16", "a.qed", size);

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("snapshot", "--output=json", "a.qed", "b.qed"))!;

        JsonNode parent = JsonNode.Parse(await _cli.QemuImgOkAsync("info", "--output=json", "a.qed"))!;
        Assert.Equal((long)parent["cluster-size"]!, (long)said["cluster-size"]!);
        Assert.Equal((long)parent["virtual-size"]!, (long)said["virtual-size"]!);
        Json.ShouldSayAllThat(await _cli.QemuImgOkAsync("info", "--output=json", "b.qed"), said.ToJsonString(), "actual-size");
    }

    [Fact]
    public async Task Snapshot_WithAClusterSizeOfItsOwn_TakesThat()
    {
        await _cli.OkAsync("create", "-q", "-o", "cluster_size=1M", "a.qed", "64M");

        Assert.Contains("cluster_size=4096", await _cli.OkAsync("snapshot", "-o", "cluster_size=4k", "a.qed", "b.qed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("snapshot --overwrite top.qed mid.qed")]
    [InlineData("snapshot --overwrite top.qed base.raw")]
    [InlineData("create --overwrite -b top.qed -F qed top.qed")]
    [InlineData("create --overwrite -b top.qed -F qed base.raw")]
    public async Task Overlay_ThatWouldReplaceALevelBeneathIt_IsRefused(string line)
    {
        await _cli.MakeChainAsync();
        byte[][] before = [.. _cli.Files.Select(file => File.ReadAllBytes(_cli.PathOf(file)))];

        Assert.Contains("belongs to the chain", await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, _cli.Files.Select(file => File.ReadAllBytes(_cli.PathOf(file))));
    }

    [Fact]
    public async Task Overlay_ThatReplacesAnother_IsMade()
    {
        await _cli.MakeChainAsync();
        await _cli.OkAsync("snapshot", "-q", "top.qed", "next.qed");

        await _cli.OkAsync("snapshot", "-q", "--overwrite", "mid.qed", "next.qed");

        await _cli.OkAsync("compare", "mid.qed", "next.qed");
    }

    [Theory]
    [InlineData("create --output=json new.qed 64M", "new.qed")]
    [InlineData("amend --output=json -u -o backing_file=other.qed,backing_fmt=qed b.qed", "b.qed")]
    [InlineData("rename --output=json b.qed new.qed", "new.qed")]
    [InlineData("snapshot --output=json b.qed new.qed", "new.qed")]
    public async Task Verb_ThatMakesOrChangesAnImage_DescribesItInJson(string line, string file)
    {
        await _cli.OkAsync("create", "-q", "a.qed", "64M");
        await _cli.OkAsync("create", "-q", "-b", "a.qed", "-F", "qed", "b.qed");

        JsonNode said = JsonNode.Parse(await _cli.OkAsync(line.Split(' ')))!;

        Assert.Equal(file, (string)said["filename"]!);
        Assert.True(JsonNode.DeepEquals(said, JsonNode.Parse(await _cli.OkAsync("info", "--output=json", file))), said.ToJsonString());
    }

    [Theory]
    [InlineData("create --output=xml new.qed 64M")]
    [InlineData("snapshot --output=xml a.qed new.qed")]
    [InlineData("rename --output=xml a.qed new.qed")]
    public async Task Output_ThatIsUnknown_IsRefusedBeforeAnythingIsDone(string line)
    {
        await _cli.OkAsync("create", "-q", "a.qed", "64M");

        Assert.Contains("xml", await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }
}
