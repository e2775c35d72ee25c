using QedVd.TestKit;

namespace QedVd.Interop.Tests;

public sealed class SampleImageTests
{
    private static string Sample => Checkout.PathOf("samples", "images", "qemu-64m.qed");

    [Fact]
    public async Task Sample_IsSoundForQemu()
    {
        ToolRun run = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["check", "-f", "qed", Sample]);

        run.ShouldExitWith(0);
    }

    [Theory]
    [InlineData(0, 65536, 0x11)]
    [InlineData(65536, 65536, 0x22)]
    [InlineData(1048576, 4096, 0x33)]
    [InlineData(4194304, 65536, 0x00)]
    [InlineData(8388608, 65536, 0x00)]
    [InlineData(33562624, 512, 0x44)]
    [InlineData(67043328, 65536, 0xee)]
    public async Task Sample_ReadsAsItsReadmeSays(long offset, int length, byte pattern)
    {
        ToolRun run = await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-r", "-f", "qed", "-c", $"read -P {pattern} {offset} {length}", Sample]);

        run.ShouldExitWith(0);
        Assert.DoesNotContain("verification failed", run.Output, StringComparison.Ordinal);
    }
}
