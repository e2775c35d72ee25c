using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>What can be wrong with a file, and with the arguments: one line, an exit code, nothing left behind.</summary>
public sealed class ErrorTests : IDisposable
{
    private static readonly string[] s_readers = ["info FILE", "info --chain FILE", "check FILE", "map FILE", "read FILE -o out", "dump FILE", "trim --all FILE", "resize FILE 1G", "compact FILE", "amend FILE -o backing_file=", "rename FILE out", "convert FILE out", "copy FILE .", "measure FILE", "bench FILE", "snapshot FILE out", "commit FILE", "merge FILE", "flatten FILE", "diff FILE", "rebase -u -b x.qed -F qed FILE"];

    private readonly Cli _cli = new();

    public static TheoryData<string> Readers => [.. s_readers];

    public static TheoryData<string> Verbs =>
        ["probe", "info", "create", "check", "map", "read", "write", "convert", "copy", "measure", "compare", "snapshot", "commit", "merge", "rebase", "flatten", "diff", "chain", "resize", "compact", "trim", "amend", "rename", "dump", "plugins", "bench", "demo"];

    public void Dispose() => _cli.Dispose();

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task File_ThatDoesNotExist_IsNamed(string line) => Assert.Contains("gone.qed", await FailAsync(line, "gone.qed"), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Folder_IsRefused(string line)
    {
        Directory.CreateDirectory(_cli.PathOf("folder"));

        Assert.Contains("folder", await FailAsync(line, "folder"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Fifo_IsRefused_AndNotWaitedFor(string line)
    {
        (await _cli.ShellAsync("mkfifo pipe")).ShouldExitWith(0);

        Assert.Contains("pipe", await FailAsync(line, "pipe"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task ForeignFile_GivenAsQed_IsRefused(string line)
    {
        await File.WriteAllTextAsync(_cli.PathOf("text"), new string('x', 100_000));

        Assert.Contains("text", await FailAsync(line + " -f qed", "text"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task TruncatedImage_IsRefused(string line)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");
        using (FileStream file = File.OpenWrite(_cli.PathOf("a.qed")))
        {
            file.SetLength(50_000);
        }

        Assert.Contains("a.qed", await FailAsync(line, "a.qed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("map FILE")]
    [InlineData("read FILE -o out")]
    [InlineData("convert FILE out")]
    [InlineData("write FILE -i in")]
    [InlineData("bench FILE")]
    [InlineData("info --chain FILE")]
    public async Task Parent_ThatIsMissing_IsNamed(string line)
    {
        await File.WriteAllTextAsync(_cli.PathOf("in"), "x");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", "gone.qed", "-F", "qed", "a.qed", "64M");

        Assert.Contains("gone.qed", await FailAsync(line, "a.qed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("map FILE")]
    [InlineData("convert FILE out")]
    [InlineData("info --chain FILE")]
    public async Task Parent_OutsideOfTheFolder_IsRefused_UnlessAllowed(string line)
    {
        Directory.CreateDirectory(_cli.PathOf("other"));
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "other/base.qed", "64M");
        Directory.CreateDirectory(_cli.PathOf("mine"));
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-b", "../other/base.qed", "-F", "qed", "mine/a.qed");

        string error = await FailAsync(line, "mine/a.qed");

        Assert.Contains("--allow", error, StringComparison.Ordinal);
        await _cli.OkAsync([.. line.Replace("FILE", "mine/a.qed", StringComparison.Ordinal).Split(' '), "--allow", "other"]);
        File.Delete(_cli.PathOf("out"));
        await _cli.OkAsync([.. line.Replace("FILE", "mine/a.qed", StringComparison.Ordinal).Split(' '), "--trusted"]);
    }

    [Fact]
    public async Task Chain_ThatIsACycle_IsRefused()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", "b.qed", "-F", "qed", "a.qed", "64M");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", "a.qed", "-F", "qed", "b.qed", "64M");

        foreach (string line in new[] { "map FILE", "info --chain FILE", "convert FILE out" })
        {
            await FailAsync(line, "a.qed");
        }
    }

    [Theory]
    [InlineData("write FILE -i in")]
    [InlineData("check FILE")]
    [InlineData("map FILE")]
    [InlineData("trim --all FILE")]
    [InlineData("resize FILE 1G")]
    [InlineData("compact FILE")]
    [InlineData("amend FILE -o backing_file=")]
    [InlineData("rename FILE new.qed")]
    [InlineData("check -r all FILE")]
    [InlineData("bench -w FILE")]
    public async Task Image_ThatQemuWrites_IsRefused(string line)
    {
        await File.WriteAllTextAsync(_cli.PathOf("in"), "x");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");
        using var writer = new RunningQemuIo(_cli, "a.qed");

        Assert.Contains("a.qed", await FailAsync(line, "a.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RawFile_IsNeverGuessedForWriting()
    {
        await File.WriteAllTextAsync(_cli.PathOf("in"), "x");
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[4096]);

        Assert.Contains("-f", await FailAsync("write FILE -i in", "a.raw"), StringComparison.Ordinal);
        await _cli.OkAsync("write", "-f", "raw", "a.raw", "-i", "in");
        Assert.Equal((byte)'x', (await File.ReadAllBytesAsync(_cli.PathOf("a.raw")))[0]);
    }

    [Fact]
    public async Task ForeignFormat_IsNamed()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qcow2", "a.qcow2", "64M");

        Assert.Contains("qcow2", await _cli.OkAsync("probe", "a.qcow2"), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("QEMU", await FailAsync("map FILE", "a.qcow2"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probe_OfSeveralFiles_GoesOnAfterAnError()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        ToolRun run = (await _cli.RunAsync("probe", "gone", "a.qed")).ShouldExitWith(1);

        Assert.Contains("a.qed: qed, certainly", run.Output, StringComparison.Ordinal);
        Assert.Single(run.Error.Trim().Split('\n'));
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Option_ThatDoesNotExist_IsNamed_WithTheWayToTheHelp(string verb)
    {
        string error = await _cli.FailAsync(1, verb, "--frobnicate", "a", "b");

        Assert.Contains("--frobnicate", error, StringComparison.Ordinal);
        Assert.Contains($"qedvd {verb} --help", error, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Help_OfAVerb_BeginsWithItsForms(string verb)
    {
        string help = await _cli.OkAsync(verb, "--help");

        Assert.StartsWith($"Usage: qedvd {verb}", help, StringComparison.Ordinal);
        Assert.All(help.Split('\n'), line => Assert.True(line.Length <= 160, line));
    }

    [Fact]
    public async Task Verb_ThatDoesNotExist_IsNamed()
    {
        ToolRun run = (await _cli.RunAsync("frobnicate")).ShouldExitWith(1);

        Assert.Equal("qedvd: 'frobnicate' is not a verb; qedvd --help lists them.\n", run.Error);
    }

    [Fact]
    public async Task NameWithControlCharacters_IsShownEscaped()
    {
        string error = await _cli.FailAsync(1, "info", "a\u001b[31m\u202e");

        Assert.Contains("[31m", error, StringComparison.Ordinal);
        Assert.DoesNotContain(error, character => character is < ' ' or > '~');
    }

    [Fact]
    public async Task Options_MayStandAnywhere_BundledAndJoined()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        await _cli.OkAsync("bench", "a.qed", "-c5", "-wq", "-d", "1", "--cache=unsafe");
        await _cli.OkAsync("check", "a.qed", "-q", "-f", "qed");
        await _cli.OkAsync("check", "-qfqed", "--", "a.qed");
    }

    private async Task<string> FailAsync(string line, string file)
    {
        int exitCode = 1;
        return await _cli.FailAsync(exitCode, [.. line.Split(' ').Select(word => word == "FILE" ? file : word)]);
    }
}
