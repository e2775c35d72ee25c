using System.Text.Json.Nodes;

namespace QedVd.Cli.Tests;

public sealed class DiffTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Diff_ToTheParent_ListsWhatTheTopOwns()
    {
        await _cli.MakeChainAsync();

        JsonArray said = JsonNode.Parse(await _cli.OkAsync("diff", "--output=json", "top.qed"))!.AsArray();

        Assert.Equal(
            [(131072L, 65536L, "data", 0, "top.qed"), (2031616, 65536, "zero", 0, "top.qed"), (2555904, 65536, "data", 0, "top.qed")],
            said.Select(Row));
    }

    [Fact]
    public async Task Diff_ToALowerLevel_SaysWhichLevelDecides_AndCarriesABackup()
    {
        await _cli.MakeChainAsync();
        await _cli.OkAsync("convert", "-O", "raw", "top.qed", "expected.raw");

        JsonArray said = JsonNode.Parse(await _cli.OkAsync("diff", "--base", "base.raw", "--output=json", "top.qed"))!.AsArray();

        byte[] expected = await File.ReadAllBytesAsync(_cli.PathOf("expected.raw"));
        byte[] backup = new byte[expected.Length];
        (await File.ReadAllBytesAsync(_cli.PathOf("base.raw"))).CopyTo(backup, 0);
        foreach ((long start, long length, string kind, int depth, string file) in said.Select(Row))
        {
            Assert.Equal(depth == 0 ? "top.qed" : "mid.qed", file);
            Span<byte> range = backup.AsSpan((int)start, (int)length);
            expected.AsSpan((int)start, (int)length).CopyTo(range);
            Assert.True(kind == "data" || range.IndexOfAnyExcept((byte)0) < 0);
        }

        Assert.Equal(expected, backup);
    }

    [Fact]
    public async Task Diff_AsText_IsATable()
    {
        await _cli.MakeChainAsync();

        string[] lines = (await _cli.OkAsync("diff", "top.qed")).TrimEnd().Split('\n');

        Assert.Equal("Offset          Length          Kind  Depth  File", lines[0]);
        Assert.Equal("0x20000         0x10000         data  0      top.qed", lines[1]);
        Assert.Equal(4, lines.Length);
    }

    [Theory]
    [InlineData("diff base.raw", "has no parent")]
    [InlineData("diff --base top.qed top.qed", "the top itself")]
    [InlineData("diff --base gone.qed top.qed", "'mid.qed', 'base.raw'")]
    [InlineData("diff gone.qed", "gone.qed")]
    public async Task Diff_ThatMakesNoSense_IsRefused(string line, string reason)
    {
        await _cli.MakeChainAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    private static (long Start, long Length, string Kind, int Depth, string File) Row(JsonNode? node) =>
        ((long)node!["start"]!, (long)node["length"]!, (string)node["kind"]!, (int)node["depth"]!, (string)node["file"]!);
}
