using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

/// <summary>Runs QEMU's tools on the content of a simulated file, in a folder that goes away with it.</summary>
internal sealed class QemuImg : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("qedvd-");

    public QemuImg() => Peers.Require("qemu-img");

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Writes the file to the folder.</summary>
    public string Save(SimulatedFile file, string name = "a.qed")
    {
        file.SaveTo(PathOf(name));
        return PathOf(name);
    }

    /// <summary>Takes a file of the folder into memory.</summary>
    public SimulatedFile Load(string name = "a.qed") => SimulatedFile.FromHostFile(PathOf(name));

    public Task<ToolRun> RunAsync(params string[] arguments) => ToolRun.RunAsync(Peers.Require("qemu-img"), arguments, _folder.FullName);

    /// <summary>Runs commands of qemu-io on an image of the folder.</summary>
    public Task<ToolRun> IoAsync(string name, params string[] commands) =>
        ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. commands.SelectMany(command => new[] { "-c", command }), name], _folder.FullName);

    public async Task<JsonElement> InfoAsync(string name = "a.qed")
    {
        ToolRun run = await RunAsync("info", "-f", "qed", "--output=json", name);
        run.ShouldExitWith(0);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    /// <summary>Checks, whatever the verdict; a number that is absent is 0.</summary>
    public async Task<Func<string, long>> CheckAsync(string name = "a.qed")
    {
        ToolRun run = await RunAsync("check", "-f", "qed", "--output=json", name);
        Assert.True(run.ExitCode is 0 or 2 or 3, run.Error);
        JsonElement root = JsonDocument.Parse(run.Output).RootElement;
        return key => root.TryGetProperty(key, out JsonElement value) ? value.GetInt64() : 0;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
