using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>How far an operation is, as somebody sees it who sits at a terminal.</summary>
public sealed partial class ProgressTests : IDisposable
{
    private const string Escape = "\e[";

    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("TERM=xterm", true)]
    [InlineData("TERM=xterm NO_COLOR=1", false)]
    public async Task OnATerminal_ThereIsABar_WithBytesRateAndRemainingTime(string environment, bool hasColours)
    {
        await MakeAsync();

        string shown = await OnTerminalAsync($"env -u NO_COLOR {environment} $Q flatten --rate 4M top.qed");

        string text = Escapes().Replace(shown, "");
        Assert.Matches(@"Flattening.* [0-9]+% +[0-9.]+/8\.0 MB +[0-9.]+ MB/s +00:00:0[0-9]", text);
        Assert.Equal(hasColours, Colours().IsMatch(shown));
        Assert.Contains(Escape, shown, StringComparison.Ordinal);
        Assert.DoesNotContain("/100%)", shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-p", true)]
    [InlineData("", false)]
    public async Task OnATerminalThatMovesNothing_ThereArePercentages_WhenTheyAreAskedFor(string option, bool isShown)
    {
        await MakeAsync();

        string shown = await OnTerminalAsync($"env TERM=dumb $Q flatten {option} --rate 16M top.qed");

        Assert.Equal(isShown, shown.Contains("(100.00/100%)", StringComparison.Ordinal));
        Assert.DoesNotContain(Escape, shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quiet_OnATerminal_ShowsNothing()
    {
        await MakeAsync();

        Assert.Empty(await OnTerminalAsync("env TERM=xterm $Q flatten -q -p --rate 8M top.qed"));
    }

    /// <summary>The list shows how far it is; a bar or percentages in between would spoil it.</summary>
    [Theory]
    [InlineData("compare --all -p base.qed top.qed")]
    [InlineData("compare --all --output=json -p base.qed top.qed")]
    public async Task CompareAll_WithProgress_IsRefused(string line)
    {
        await MakeAsync();

        Assert.Contains("-p: with --all", await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    /// <summary>An empty overlay over 8 MiB of data.</summary>
    private async Task MakeAsync()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("data"), [.. Enumerable.Repeat((byte)7, 8 << 20)], TestContext.Current.CancellationToken);
        await _cli.OkAsync("convert", "-q", "-f", "raw", "-O", "qed", "data", "base.qed");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "top.qed");
    }

    /// <summary>Runs a shell line on a terminal of its own, and returns all that it shows there.</summary>
    private async Task<string> OnTerminalAsync(string line) =>
        (await _cli.ShellAsync($"'{Peers.Require("script")}' -qec \"stty cols 160; {line}\" /dev/null < /dev/null")).ShouldExitWith(0).Output;

    [GeneratedRegex(@"\e\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Escapes();

    [GeneratedRegex(@"\e\[[0-9;]*(3[0-9]|9[0-7])[0-9;]*m")]
    private static partial Regex Colours();
}
