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
    public async Task DumpOfChunks_OfQed_IsTheWholeFile_AndItsDataLiesWhereQemuSaysSo()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-o", "cluster_size=4k,table_size=2", "a.qed", "64M");
        await _cli.QemuIoAsync("a.qed", "write -P 1 1M 40k", "write -P 2 0 8k", "write -P 3 33M 64k", "write -z 2M 64k", "write -P 4 1064k 4k");

        JsonNode[] chunks = [.. JsonNode.Parse(await _cli.OkAsync("dump", "--chunks", "--output=json", "a.qed"))!.AsArray().Select(chunk => chunk!)];

        // Nothing of the file is left out, and nothing told twice.
        long end = 0;
        foreach (JsonNode chunk in chunks.OrderBy(chunk => (long)chunk["offset"]!))
        {
            Assert.Equal(end, (long)chunk["offset"]!);
            end += (long)chunk["length"]!;
        }

        Assert.Equal(new FileInfo(_cli.PathOf("a.qed")).Length, end);
        Assert.Equal("header", (string)chunks[0]["kind"]!);
        Assert.Equal("top-table", (string)chunks[1]["kind"]!);
        Assert.Contains(chunks, chunk => (string)chunk["kind"]! == "table" && (long)chunk["start"]! == 32 << 20);

        JsonNode[] data = [.. chunks.Where(chunk => (string)chunk["kind"]! == "data")];
        JsonArray map = JsonNode.Parse(await _cli.QemuImgOkAsync("map", "-f", "qed", "--output=json", "a.qed"))!.AsArray();
        foreach (JsonNode run in map.Where(run => (bool)run!["data"]!).Select(run => run!))
        {
            JsonNode chunk = Assert.Single(data, chunk => (long)chunk["start"]! <= (long)run["start"]! && (long)chunk["start"]! + (long)chunk["length"]! > (long)run["start"]!);
            Assert.Equal((long)run["offset"]! - (long)run["start"]!, (long)chunk["offset"]! - (long)chunk["start"]!);
        }
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
