using QedVd.Backends.Qed.Tests.Creation;
using QedVd.Backends.Qed.Tests.Repair;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>That <see cref="FaultLoop"/> finds what it looks for: an engine that does not hear of failures, or does not pass them on.</summary>
public sealed class FaultLoopDefectTests
{
    [Theory]
    [InlineData(PlantedDefect.LostWrite, "in place", "byte")]
    [InlineData(PlantedDefect.LostWrite, "flush", "byte")]
    [InlineData(PlantedDefect.DroppedRetry, "flush", "byte")]
    [InlineData(PlantedDefect.LostBarrier, "flush", "a barrier failed, and writing goes on")]
    [InlineData(PlantedDefect.LostLength, "new table", "the file is truncated")]
    [InlineData(PlantedDefect.ReadOfZeros, "part", "byte")]
    [InlineData(PlantedDefect.NamelessError, "allocate", "does not name the file")]
    [InlineData(PlantedDefect.LeftOpen, "close", "storages are still open")]
    public async Task Request_OfAnEngineWithADefect_IsFound(PlantedDefect defect, string request, string finding)
    {
        FaultScenario scenario = FaultLoopTests.Scenario(request, ConsistencyMode.Ordered, withParent: request == "part");
        await ShouldBeFoundAsync(scenario with { Backend = new DefectiveBackend(new QedBackend(), defect) }, finding);
    }

    [Theory]
    [InlineData(PlantedDefect.LostWrite, "reads differently")]
    [InlineData(PlantedDefect.ReadOfZeros, "reads differently")]
    [InlineData(PlantedDefect.NamelessError, "does not name the file")]
    public async Task Repair_WithADefect_IsFound(PlantedDefect defect, string finding)
    {
        QedImageBytes image = Damage.Damage.Sound(isFlagged: true);
        Damage.Damage.All.Single(damage => damage.Name == "two L1 entries share a table").Apply(image);
        await ShouldBeFoundAsync(RepairFaultLoopTests.Scenario(new DefectiveBackend(new QedBackend(), defect), "repair", image.File.Copy(), RepairMode.All), finding);
    }

    [Fact]
    public async Task Check_WithADefect_IsFound()
    {
        var backend = new DefectiveBackend(new QedBackend(), PlantedDefect.ReadOfZeros);
        await ShouldBeFoundAsync(RepairFaultLoopTests.Checking(backend, "entries of two tables share a cluster"), "Assert.Equal");
    }

    [Theory]
    [InlineData(PlantedDefect.LostWrite, "not a QED image")]
    [InlineData(PlantedDefect.LostRoom, "l1_table_offset")]
    [InlineData(PlantedDefect.NamelessError, "does not name the file")]
    public async Task Creation_WithADefect_IsFound(PlantedDefect defect, string finding) =>
        await ShouldBeFoundAsync(CreationFaultLoopTests.Scenario(new DefectiveBackend(new QedBackend(), defect), Images.CreateOptions(1 << 20, 4096, 2)), finding);

    private static async Task ShouldBeFoundAsync(FaultScenario scenario, string finding)
    {
        Exception? found = await Record.ExceptionAsync(async () => await FaultLoop.RunAsync(scenario));

        TestContext.Current.TestOutputHelper?.WriteLine(found?.Message ?? "nothing");
        Assert.Contains(finding, found?.Message, StringComparison.Ordinal);
    }
}
