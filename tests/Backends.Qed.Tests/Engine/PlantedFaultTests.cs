using QedVd.Backends.Qed.Tests.Creation;
using QedVd.Backends.Qed.Tests.Damage;
using QedVd.Backends.Qed.Tests.Repair;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>That <see cref="FaultLoop"/> finds what it looks for: an engine that does not hear of failures, or does not pass them on.</summary>
public sealed class PlantedFaultTests
{
    [Theory]
    [InlineData(DefectiveStorage.Defect.LostWrite, "in place", "byte")]
    [InlineData(DefectiveStorage.Defect.LostWrite, "flush", "byte")]
    [InlineData(DefectiveStorage.Defect.DroppedRetry, "flush", "byte")]
    [InlineData(DefectiveStorage.Defect.LostBarrier, "flush", "a barrier failed, and writing goes on")]
    [InlineData(DefectiveStorage.Defect.LostLength, "new table", "the file is truncated")]
    [InlineData(DefectiveStorage.Defect.ReadOfZeros, "part", "byte")]
    [InlineData(DefectiveStorage.Defect.NamelessError, "allocate", "does not name the file")]
    [InlineData(DefectiveStorage.Defect.LeftOpen, "close", "storages are still open")]
    internal async Task Request_OfAnEngineWithADefect_IsFound(DefectiveStorage.Defect defect, string request, string finding) =>
        await ShouldBeFoundAsync(FaultLoopTests.Scenario(request, ConsistencyMode.Ordered, withParent: request == "part") with { Backend = new DefectiveBackend(defect) }, finding);

    [Theory]
    [InlineData(DefectiveStorage.Defect.LostWrite, "reads differently")]
    [InlineData(DefectiveStorage.Defect.ReadOfZeros, "reads differently")]
    [InlineData(DefectiveStorage.Defect.NamelessError, "does not name the file")]
    internal async Task Repair_WithADefect_IsFound(DefectiveStorage.Defect defect, string finding)
    {
        QedImageBytes image = Damage.Damage.Sound(isFlagged: true);
        Damage.Damage.All.Single(damage => damage.Name == "two L1 entries share a table").Apply(image);
        await ShouldBeFoundAsync(RepairFaultTests.Scenario(new DefectiveBackend(defect), "repair", image.File.Copy(), RepairMode.All), finding);
    }

    [Theory]
    [InlineData(DefectiveStorage.Defect.LostWrite, "not a QED image")]
    [InlineData(DefectiveStorage.Defect.LostRoom, "l1_table_offset")]
    [InlineData(DefectiveStorage.Defect.NamelessError, "does not name the file")]
    internal async Task Creation_WithADefect_IsFound(DefectiveStorage.Defect defect, string finding) =>
        await ShouldBeFoundAsync(CreationFaultTests.Scenario(new DefectiveBackend(defect), Images.CreateOptions(1 << 20, 4096, 2)), finding);

    private static async Task ShouldBeFoundAsync(FaultScenario scenario, string finding)
    {
        Exception? found = await Record.ExceptionAsync(async () => await FaultLoop.RunAsync(scenario));

        TestContext.Current.TestOutputHelper?.WriteLine(found?.Message ?? "nothing");
        Assert.Contains(finding, found?.Message, StringComparison.Ordinal);
    }
}
