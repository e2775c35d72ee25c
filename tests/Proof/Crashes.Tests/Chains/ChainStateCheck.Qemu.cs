using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <content>QEMU's look at a state.</content>
internal sealed partial class ChainStateCheck
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>QEMU sees no errors either, and reads the disk as we do.</summary>
    public async Task QemuShouldAgreeAsync()
    {
        string qemuImg = Peers.Require("qemu-img");
        foreach (string file in Directory.GetFiles(Folder, "*.qed", s_all).Where(file => !(command.IsDamaged || command.IsBroken) || file != before.Top.Path))
        {
            ToolRun run = await ToolRun.RunAsync(qemuImg, ["check", "-f", "qed", file]).ConfigureAwait(false);
            Assert.True(run.ExitCode is 0 or 3, $"qemu-img check of {Path.GetFileName(file)} ends with {run.ExitCode}: {run.Output}{run.Error}");
        }

        if (_disk is not var (top, view) || command.IsDamaged)
        {
            return;
        }

        string raw = bench["qemu.raw"];
        ToolRun convert = await ToolRun.RunAsync(qemuImg, ["convert", "-f", "qed", "-O", "raw", top.Path, raw]).ConfigureAwait(false);
        Assert.True(convert.ExitCode == 0, $"qemu-img convert of {top.Name} ends with {convert.ExitCode}: {convert.Error}");
        ShouldBe(view, await File.ReadAllBytesAsync(raw).ConfigureAwait(false), $"{top.Name} for QEMU");
    }

    /// <summary>For a message: what QEMU finds in the images that are there.</summary>
    public async Task<string> AskQemuAsync()
    {
        if (Peers.Find("qemu-img") is not { } qemuImg)
        {
            return "QEMU is not there to be asked.";
        }

        List<string> answers = [];
        foreach (string file in Directory.GetFiles(Folder, "*.qed", s_all))
        {
            try
            {
                ToolRun run = await ToolRun.RunAsync(qemuImg, ["check", "-f", "qed", file], limit: s_patience).ConfigureAwait(false);
                answers.Add($"{Path.GetFileName(file)} {run.ExitCode} {string.Join(' ', $"{run.Output} {run.Error}".Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))}");
            }
            catch (Xunit.Sdk.XunitException)
            {
                // An image that is its own parent it opens for ever.
                answers.Add($"{Path.GetFileName(file)} no answer");
            }
        }

        return $"qemu-img check: {string.Join("; ", answers)}";
    }
}
