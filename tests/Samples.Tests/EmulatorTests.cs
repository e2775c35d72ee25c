using QedVd.TestKit;

namespace QedVd.Samples.Tests;

public sealed class EmulatorTests
{
    private static string Program => Path.Combine(Checkout.OutputOf("QedVd.Samples.Emulator"), OperatingSystem.IsWindows() ? "QedVd.Samples.Emulator.exe" : "QedVd.Samples.Emulator");

    [Fact]
    public async Task Guest_CountsItsBootsInAnOverlay_ThatQemuFindsSound_AndTheImageStaysAsItWas()
    {
        string folder = Directory.CreateTempSubdirectory("qedvd-emulator-").FullName;
        try
        {
            string original = Checkout.PathOf("samples", "images", "qemu-64m.qed");
            string image = Path.Combine(folder, "disk.qed");
            File.Copy(original, image);

            ToolRun first = (await ToolRun.RunAsync(Program, [image])).ShouldExitWith(0);
            ToolRun second = (await ToolRun.RunAsync(Program, [image])).ShouldExitWith(0);

            Assert.Equal("guest: 131072 sectors; the first begins with 1111111111111111\nguest: boot number 1\n", first.Output.ReplaceLineEndings("\n"));
            Assert.EndsWith("guest: boot number 2\n", second.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
            Assert.Equal(await File.ReadAllBytesAsync(original), await File.ReadAllBytesAsync(image));

            string qemu = Peers.Require("qemu-img");
            (await ToolRun.RunAsync(qemu, ["check", $"{image}.overlay.qed"])).ShouldExitWith(0);
            (await ToolRun.RunAsync(qemu, ["compare", image, $"{image}.overlay.qed"])).ShouldExitWith(1); // the one sector
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task MissingImage_IsOneLine_AndLeavesNothingBehind()
    {
        string folder = Directory.CreateTempSubdirectory("qedvd-emulator-").FullName;
        try
        {
            ToolRun run = (await ToolRun.RunAsync(Program, [Path.Combine(folder, "none.qed")])).ShouldExitWith(1);

            Assert.Contains("none.qed", Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
            Assert.Empty(Directory.GetFileSystemEntries(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
