using QedVd.Host.Tests.Rearranging;

namespace QedVd.Host.Tests.Operations;

/// <summary>Each option of a snapshot counts.</summary>
public sealed class SnapshotOptionsTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly PullFolder _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("qed", null, "qed")]
    [InlineData("qed", "testblocks", "testblocks")]
    [InlineData("testblocks", null, "testblocks")]
    [InlineData("testblocks", "qed", "qed")]
    public async Task TheOverlay_HasTheFormatThatWasSaid_ElseThatOfItsDisk(string format, string? said, string expected)
    {
        _test.Create("disk", Size, format: format);
        using VirtualDisk disk = _test.Open("disk");

        await disk.SnapshotAsync(_test["over"], new SnapshotOptions { FormatId = said }, Stop);

        Assert.Equal([expected, format], disk.Levels.Select(level => level.FormatId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheParentsName_IsFullOnlyWhenThatWasSaid(bool isAbsolute)
    {
        _test.Create("disk", Size);
        using VirtualDisk disk = _test.Open("disk");

        await disk.SnapshotAsync(_test["over"], new SnapshotOptions { AbsoluteParentName = isAbsolute }, Stop);

        Assert.Equal(isAbsolute ? _test["disk"] : "disk", disk.Levels[0].ParentName);
    }

    [Fact]
    public async Task AFileThatIsThere_IsReplacedOnlyWhenThatWasSaid()
    {
        _test.Create("disk", Size);
        await File.WriteAllTextAsync(_test["over"], "something", Stop);
        using VirtualDisk disk = _test.Open("disk");

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["over"], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.AlreadyExists, refusal.Kind);
        Assert.Equal("something", await File.ReadAllTextAsync(_test["over"], Stop));

        await disk.SnapshotAsync(_test["over"], new SnapshotOptions { Overwrite = true }, Stop);
        Assert.Equal([_test["over"], _test["disk"]], disk.Levels.Select(level => level.Path));
    }

    /// <summary>Also one that nobody holds locked any more.</summary>
    [Theory]
    [InlineData("disk")]
    [InlineData("base")]
    public async Task AFileOfTheChain_IsNeverReplaced_AndTheReasonIsSaid(string name)
    {
        _test.Create("base", Size);
        _test.Create("disk", Size, "base");
        using VirtualDisk disk = _test.Open("disk");

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.SnapshotAsync(_test[name], new SnapshotOptions { Overwrite = true }, Stop));

        Assert.Equal((ImageErrorKind.InUse, "snapshot"), (refusal.Kind, refusal.Operation));
        Assert.Equal($"{_test[name]}: this file belongs to the chain of the disk, and cannot be overwritten. Choose another name.", refusal.Message);
        refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test[name], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.AlreadyExists, refusal.Kind);
        Assert.Equal(2, disk.Levels.Count);
    }
}
