using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class PluginFolderTests
{
    [Theory]
    [InlineData("QedVd.Backends.Qed")]
    [InlineData("QedVd.Backends.Raw")]
    public void Plugin_HasAFolderBesideTheProgram_WithoutTheContract(string plugin)
    {
        string folder = Path.Combine(Path.GetDirectoryName(Checkout.CommandLine)!, "plugins", plugin);

        string[] files = [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

        Assert.Equal([$"{plugin}.deps.json", $"{plugin}.dll", $"{plugin}.pdb"], files);
        Assert.DoesNotContain("QedVd.Abstractions.dll", File.ReadAllText(Path.Combine(folder, $"{plugin}.deps.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Program_DoesNotCarryABackendOutsideThePluginsFolder()
    {
        string folder = Path.GetDirectoryName(Checkout.CommandLine)!;

        Assert.Empty(Directory.GetFiles(folder, "QedVd.Backends.*.dll"));
    }
}
