using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>What is said is said in this program's words, and advises only what helps.</summary>
public sealed class WordsTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("json:{}")]
    [InlineData("nbd://host/x")]
    public async Task Parent_ThatNothingAllows_IsNotBlamedOnAnApi(string parent)
    {
        await MakeOverlayAsync(parent);

        string error = await _cli.FailAsync(1, "map", "a.qed");

        Assert.DoesNotContain("ParentDisk", error, StringComparison.Ordinal);
        Assert.Contains("change the name in the image", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parent_ThatIsNoQedImage_IsToBeAllowedAsRaw()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("base.raw"), new byte[65536]);
        await MakeOverlayAsync("base.raw");

        Assert.Contains("--parent-format raw", await _cli.FailAsync(1, "map", "a.qed"), StringComparison.Ordinal);
        await _cli.OkAsync("map", "--parent-format", "raw", "a.qed");
    }

    [Fact]
    public async Task Parent_OfAForeignFormat_IsNotAdvisedToBeTakenAsRaw()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qcow2", "base.qcow2", "64M");
        await MakeOverlayAsync("base.qcow2");

        string error = await _cli.FailAsync(1, "map", "a.qed");

        Assert.Contains("qcow2", error, StringComparison.Ordinal);
        Assert.DoesNotContain("--parent-format", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parent_ThatIsAFolder_IsNotAdvisedToBeAllowed()
    {
        Directory.CreateDirectory(_cli.PathOf("folder"));
        await MakeOverlayAsync("folder");

        Assert.DoesNotContain("--allow", await _cli.FailAsync(1, "map", "a.qed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("commit a.qed", false)]
    [InlineData("merge a.qed", false)]
    [InlineData("flatten a.qed", false)]
    [InlineData("rebase -b other.qed -F qed a.qed", false)]
    [InlineData("map a.qed", true)]
    public async Task MissingParent_IsToBeReadOverOnlyByAVerbThatCan(string line, bool can)
    {
        await MakeOverlayAsync("gone.qed");
        await _cli.OkAsync("create", "-q", "other.qed", "64M");

        string error = await _cli.FailAsync(1, line.Split(' '));

        Assert.Equal(can, error.Contains("--missing-parent", StringComparison.Ordinal));
        Assert.Equal(!can, error.Contains("qedvd chain repair", StringComparison.Ordinal));
        Assert.DoesNotContain("AllowMissingParent", error, StringComparison.Ordinal);
        Assert.False(error.Contains("..", StringComparison.Ordinal), error);
    }

    [Theory]
    [InlineData("map a.qed")]
    [InlineData("info --chain a.qed")]
    [InlineData("convert -O raw a.qed out")]
    public async Task MissingParent_ThatIsReadAsZeros_IsSaid(string line)
    {
        await MakeOverlayAsync("gone.qed");

        ToolRun run = (await _cli.RunAsync([.. line.Split(' '), "--missing-parent"])).ShouldExitWith(0);

        Assert.StartsWith($"qedvd: {line.Split(' ')[0]}: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("gone.qed is missing", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImageInUse_SaysMinusU_WhereThatExists()
    {
        await _cli.OkAsync("create", "a.qed", "1M");
        using var holder = new RunningQemuIo(_cli, "a.qed");

        Assert.Contains(" -U", await _cli.FailAsync(1, "info", "a.qed"), StringComparison.Ordinal);
        Assert.DoesNotContain(" -U", await _cli.FailAsync(1, "write", "a.qed", "-i", "a.qed"), StringComparison.Ordinal);
        Assert.DoesNotContain(" -U", await _cli.FailAsync(1, "snapshot", "a.qed", "b.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_ThatWritesWithoutLocks_IsRefusedInItsOwnWords()
    {
        await _cli.OkAsync("create", "a.qed", "1M");

        string error = await _cli.FailAsync(1, "bench", "-U", "-w", "a.qed");

        Assert.Contains("-U", error, StringComparison.Ordinal);
        Assert.DoesNotContain("ForceShare", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probe_OfADamagedHeader_NamesTheHeaderOnce()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.qed"), [.. "QED\0"u8, .. new byte[60]]);

        string output = await _cli.OkAsync("probe", "a.qed");

        Assert.Contains("will not open: header field", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_OfOneLongLeak_DoesNotSpeakOfMore()
    {
        await _cli.OkAsync("create", "a.qed", "64M");
        using (FileStream file = File.OpenWrite(_cli.PathOf("a.qed")))
        {
            file.SetLength(file.Length + (10 * 65536));
        }

        ToolRun run = (await _cli.RunAsync("check", "a.qed")).ShouldExitWith(3);

        Assert.Contains("10 leaked clusters", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("more", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_WithAVerb_DescribesTheVerb() =>
        Assert.Equal(await _cli.OkAsync("info", "--help"), await _cli.OkAsync("help", "info"));

    [Fact]
    public async Task Help_WithWhatIsNoVerb_SaysSo() =>
        Assert.Contains("'nonsense' is not a verb", (await _cli.RunAsync("help", "nonsense")).ShouldExitWith(1).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Options_OfAFormat_AreDescribedInSentences() =>
        Assert.All(
            (await _cli.OkAsync("create", "-o", "help")).Split('\n').Where(line => line.Contains('=', StringComparison.Ordinal)),
            line => Assert.EndsWith(".", line, StringComparison.Ordinal));

    private Task MakeOverlayAsync(string parent) =>
        _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", parent, "-F", "qed", "a.qed", "64M");
}
