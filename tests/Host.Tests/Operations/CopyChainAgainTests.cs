using System.Text;

namespace QedVd.Host.Tests.Operations;

/// <summary>What a copy makes of what lies in its folder: what an earlier one has left that was killed, other files, an older chain.</summary>
public sealed class CopyChainAgainTests : IDisposable
{
    private const int Size = 1 << 20;
    private const int Block = 64 << 10;
    private const int ClusterBytes = 4096;

    private static readonly DiskOpenOptions s_source = new() { AllowedParentFormats = ["qed", "raw"] };
    private static readonly string[] s_names = ["top.qed", "middle.qed", "base.raw"];

    private readonly TestHost _test = new();

    public CopyChainAgainTests()
    {
        MakeChain("", seed: 1);
        Directory.CreateDirectory(_test["copy"]);
    }

    public static TheoryData<string> Differences => ["a byte", "hides the parent", "another parent", "longer", "other clusters", "not closed", "a link", "the source itself", "no image"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task CopyChain_AfterAKill_GoesOnWithWhatIsThere(int published)
    {
        IReadOnlyList<ImageDescription> first = await CopyAsync();
        s_names.SkipLast(published).ToList().ForEach(name => File.Delete(_test[$"copy/{name}"]));
        string[] left = [.. s_names.TakeLast(published).Select(State)];

        IReadOnlyList<ImageDescription> again = await CopyAsync();

        Assert.Equal(first.Select(image => (image.Path, image.FormatId, image.ParentName, image.FileLengthBytes)), again.Select(image => (image.Path, image.FormatId, image.ParentName, image.FileLengthBytes)));
        Assert.Equal(left, s_names.TakeLast(published).Select(State));
        ShouldBeTheCopy();
    }

    [Theory, MemberData(nameof(Differences))]
    public async Task CopyChain_WhereSomethingElseLies_IsRefused_AndChangesNothing(string difference)
    {
        await CopyAsync();
        File.Delete(_test["copy/top.qed"]);
        await ChangeAsync(_test["copy/middle.qed"], difference);
        string[] before = [State("middle.qed"), State("base.raw")];

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await CopyAsync());

        Assert.Equal(ImageErrorKind.AlreadyExists, refusal.Kind);
        Assert.EndsWith("middle.qed", refusal.Path, StringComparison.Ordinal);
        Assert.Equal(before, (string[])[State("middle.qed"), State("base.raw")]);
        Assert.Equal(["copy/base.raw", "copy/middle.qed"], Copies);
    }

    [Fact]
    public async Task CopyChain_WhereTheSameLies_KeepsWritersOutOfIt_AndLeavesItAloneWhenItChangesHands()
    {
        await CopyAsync();
        File.Delete(_test["copy/top.qed"]);
        var progress = new Then("making durable", () =>
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileStorage.Open(_test["copy/middle.qed"])).Kind);
            File.Move(_test["copy/middle.qed"], _test["copy/moved.qed"]);
            File.WriteAllText(_test["copy/middle.qed"], "somebody else");
        });

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await CopyAsync(progress: progress));

        Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
        Assert.True(progress.HasActed);
        Assert.Equal(["copy/base.raw", "copy/middle.qed", "copy/moved.qed"], Copies);
        Assert.Equal("somebody else", await File.ReadAllTextAsync(_test["copy/middle.qed"]));
    }

    [Theory]
    [InlineData("top.qed")]
    [InlineData("middle.qed")]
    [InlineData("base.raw")]
    public async Task CopyChain_OverAnOlderOne_ThatFailsAnywhere_LeavesTheOlderOneWhole(string failing)
    {
        MakeChain("copy/", seed: 2);
        string[] others = [.. s_names.Where(name => name != failing)];
        string[] before = [.. others.Select(State)];

        // A file that has come since is left alone: as it has the base's name, all above have been taken away already, and come back.
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () => await CopyAsync(overwrite: true, new Then("making durable", () =>
        {
            File.Move(_test[$"copy/{failing}"], _test["older"]);
            File.WriteAllText(_test[$"copy/{failing}"], "somebody else");
        })));

        Assert.Equal(ImageErrorKind.InUse, failure.Kind);
        Assert.Equal("somebody else", await File.ReadAllTextAsync(_test[$"copy/{failing}"]));
        Assert.Equal(before, others.Select(State));
        Assert.Equal(s_names.Select(name => $"copy/{name}").Order(), Copies);
    }

    [Fact]
    public async Task CopyChain_OverAnOlderOne_WhenANameIsTakenAmongTheNewOnes_PutsTheOlderOneBack()
    {
        MakeChain("copy/", seed: 2);
        File.Delete(_test["copy/middle.qed"]);
        string[] before = [State("top.qed"), State("base.raw")];

        // The top is away, and the base new, as the one between them cannot get its name.
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () =>
            await CopyAsync(overwrite: true, new Then("making durable", () => File.WriteAllText(_test["copy/middle.qed"], "somebody else"))));

        Assert.Equal(ImageErrorKind.AlreadyExists, failure.Kind);
        Assert.Equal(before, (string[])[State("top.qed"), State("base.raw")]);
        Assert.Equal("somebody else", await File.ReadAllTextAsync(_test["copy/middle.qed"]));
        Assert.Equal(s_names.Select(name => $"copy/{name}").Order(), Copies);
    }

    [Fact]
    public async Task CopyChain_OverAnOlderOne_IsTheNewOne()
    {
        MakeChain("copy/", seed: 2);

        await CopyAsync(overwrite: true);

        ShouldBeTheCopy();
    }

    public void Dispose() => _test.Dispose();

    private string[] Copies => [.. _test.Files.Where(name => name.StartsWith("copy/", StringComparison.Ordinal))];

    private ValueTask<IReadOnlyList<ImageDescription>> CopyAsync(bool overwrite = false, IProgress<OperationProgress>? progress = null) =>
        _test.Host.CopyChainAsync(_test["top.qed"], _test["copy"], new CopyChainOptions { Source = s_source, Overwrite = overwrite }, progress);

    /// <summary>Which file of the copy it is, and what it holds.</summary>
    private string State(string name) => $"{name} {FilePeek.At(_test[$"copy/{name}"]).Mark} {Convert.ToHexString(File.ReadAllBytes(_test[$"copy/{name}"]))}";

    private void ShouldBeTheCopy()
    {
        Assert.Equal(s_names.Select(name => $"copy/{name}").Order(), Copies);
        foreach (string name in s_names)
        {
            Assert.Equal(CopyBench.Read(_test, _test[name]), CopyBench.Read(_test, _test[$"copy/{name}"]));
        }
    }

    private void MakeChain(string folder, int seed)
    {
        Directory.CreateDirectory(_test[folder]);
        File.WriteAllBytes(_test[$"{folder}base.raw"], Noise(Size, seed));
        MakeMiddle($"{folder}middle.qed", seed, ClusterBytes);
        _test.Qed($"{folder}top.qed", Size, "middle.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test[$"{folder}top.qed"], s_source);
        disk.Write(5 * Block, Noise(Block, seed + 2));
        disk.Close();
    }

    // Without zeros: they may be left out of an image, in units of its clusters.
    private static byte[] Noise(int lengthBytes, int seed)
    {
        byte[] noise = new byte[lengthBytes];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    private void MakeMiddle(string name, int seed, int clusterBytes)
    {
        _test.Qed(name, Size, "base.raw", "raw", clusterBytes);
        using VirtualDisk disk = _test.Host.OpenDisk(_test[name], s_source);
        disk.Write(Block, Noise(Block, seed + 1));
        disk.WriteZeroes(4 * Block, Block);
        disk.Close();
    }

    private async Task ChangeAsync(string path, string difference)
    {
        byte[] image = await File.ReadAllBytesAsync(path);
        switch (difference)
        {
            case "a byte":
                Write(path, disk => disk.Write(Block + 1000, "x"u8));
                break;
            case "hides the parent":
                Write(path, disk => disk.WriteZeroes(8 * Block, Block));
                break;
            case "another parent":
                "basf.raw"u8.CopyTo(image.AsSpan(image.AsSpan().IndexOf("base.raw"u8)));
                await File.WriteAllBytesAsync(path, image);
                break;
            case "longer":
                await _test.Host.ResizeAsync(path, Size + Block, options: s_source);
                break;
            case "other clusters":
                File.Delete(path);
                MakeMiddle("copy/middle.qed", seed: 1, 2 * ClusterBytes);
                break;
            case "not closed":
                image[16] |= 2;
                await File.WriteAllBytesAsync(path, image);
                break;
            case "a link":
                File.Move(path, _test["elsewhere.qed"]);
                File.CreateSymbolicLink(path, _test["elsewhere.qed"]);
                break;
            case "the source itself":
                File.Delete(path);
                using (var source = FileStorage.Open(_test["middle.qed"]))
                {
                    Assert.True(source.File.TryLinkName(_test["middle.qed"], path));
                }

                break;
            default:
                await File.WriteAllTextAsync(path, "precious", Encoding.ASCII);
                break;
        }
    }

    private void Write(string path, Action<VirtualDisk> act)
    {
        using VirtualDisk disk = _test.Host.OpenDisk(path, s_source);
        act(disk);
        disk.Close();
    }

    private sealed class Then(string phase, Action act) : IProgress<OperationProgress>
    {
        private Action? _act = act;

        public bool HasActed => _act is null;

        public void Report(OperationProgress value)
        {
            if (value.Phase == phase)
            {
                Interlocked.Exchange(ref _act, null)?.Invoke();
            }
        }
    }
}
