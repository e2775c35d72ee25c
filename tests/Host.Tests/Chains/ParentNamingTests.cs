using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Chains;

/// <summary>What is said of a name that an image shall not store for its parent.</summary>
public sealed class ParentNamingTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("top.qed", null)]
    [InlineData("top.qed", "qed")]
    [InlineData("linked.qed", null)]
    public async Task ImageItself_IsNoParent_UnderNoName(string name, string? format)
    {
        string top = _test.Qed("top.qed", Size);
        File.CreateSymbolicLink(_test["linked.qed"], top);

        AssertRefused(ImageErrorKind.InvalidArgument, top, $"{top}: an image cannot be its own parent. Name another file.", await RefusalAsync(_test[name], new SetParentOptions { Format = format }));
    }

    [Fact]
    public async Task ImageItself_IsNoParent_Verbatim() =>
        AssertRefused(
            ImageErrorKind.InvalidArgument, _test["top.qed"], $"{_test.Qed("top.qed", Size)}: an image cannot be its own parent. Name another file.",
            await RefusalAsync("./top.qed", new SetParentOptions { Verbatim = true }));

    [Fact]
    public async Task ParentWhoseFormatNobodyKnows_IsNamed_WithTheReason()
    {
        string top = _test.Qed("top.qed", Size);
        foreach (string parent in (string[])[_test["gone"], _test.Raw("plain", Size, 7)])
        {
            ImageException refusal = await RefusalAsync(parent, new SetParentOptions());

            AssertRefused(
                refusal.InnerException is ImageException inner ? inner.Kind : default, parent,
                $"{top}: the format of the parent '{parent}' cannot be found out; give it (Format, -F). {refusal.InnerException?.Message}", refusal);
        }
    }

    private static void AssertRefused(ImageErrorKind kind, string path, string message, ImageException refusal) =>
        Assert.Equal((kind, path, "set parent", message), (refusal.Kind, refusal.Path, refusal.Operation, refusal.Message));

    private async Task<ImageException> RefusalAsync(string parent, SetParentOptions options) =>
        await Assert.ThrowsAsync<ImageException>(async () => await ParentNaming.MakeAsync(_test.Host.Opener, _test["top.qed"], parent, options, TestContext.Current.CancellationToken));
}
