using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>What qemu-img check finds.</summary>
internal sealed record QemuCheck(int ExitCode, long Corruptions, long Leaks, string Text)
{
    public static async Task<QemuCheck> RunAsync(string qemuImg, string folder, string name)
    {
        ToolRun run = await ToolRun.RunAsync(qemuImg, ["check", "-f", "qed", "--output=json", name], folder).ConfigureAwait(false);
        if (run.ExitCode is not (0 or 2 or 3))
        {
            return new QemuCheck(run.ExitCode, 0, 0, run.Error);
        }

        using JsonDocument json = JsonDocument.Parse(run.Output);
        return new QemuCheck(run.ExitCode, Count("corruptions"), Count("leaks"), run.Output);

        long Count(string key) => json.RootElement.TryGetProperty(key, out JsonElement value) ? value.GetInt64() : 0;
    }
}
