using System.Text.Json.Nodes;

namespace QedVd.Cli.Tests;

public sealed class DumpTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Dump_InJson_IsWhatInfoSays_AndTheFormatsWords()
    {
        await _cli.MakeChainAsync();

        string info = await _cli.OkAsync("info", "--output=json", "top.qed");
        string dump = await _cli.OkAsync("dump", "--output=json", "top.qed");

        Json.ShouldSayAllThat(info, dump);
        JsonArray lines = JsonNode.Parse(dump)!["dump"]!.AsArray();
        Assert.Contains(lines, line => ((string)line!).StartsWith("cluster_size", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DumpOfChunks_OfRaw_IsItsData()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), [.. Enumerable.Repeat((byte)7, 65536)]);

        JsonArray chunks = JsonNode.Parse(await _cli.OkAsync("dump", "-f", "raw", "--chunks", "--output=json", "a.raw"))!.AsArray();

        JsonNode chunk = Assert.Single(chunks)!;
        Assert.Equal("data", (string)chunk["kind"]!);
        Assert.Equal(0, (long)chunk["offset"]!);
        Assert.Equal(0, (long)chunk["start"]!);
        Assert.Equal(65536, (long)chunk["length"]!);
        Assert.Contains("data            0x0             0x10000         0x0\n", await _cli.OkAsync("dump", "-f", "raw", "--chunks", "a.raw"), StringComparison.Ordinal);
    }
}
