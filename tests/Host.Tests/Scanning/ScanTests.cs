using System.Diagnostics;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Scanning;

/// <summary>What a folder of images looks like, the broken and the hostile ones too.</summary>
public sealed class ScanTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Images_HangTogether_RawBasesOnlyWhereAChildNamesThem()
    {
        _test.Raw("base.raw", Size, 1);
        _test.Raw("other.raw", Size, 1);
        _test.Qed("a.qed", Size, "base.raw", "raw");
        _test.Qed("b.qed", 2 * Size, "./a.qed");
        _test.Qed("c.qed", Size, _test["a.qed"]);
        _test.Qed("alone.qed", Size);

        ImageForest forest = await ScanAsync();

        Assert.Equal(["a.qed", "alone.qed", "b.qed", "base.raw", "c.qed"], Names(forest.Images));
        Assert.Equal(["alone.qed", "base.raw"], Names(forest.Roots));
        ScannedImage raw = forest.Roots[1];
        Assert.Equal(("raw", Size, LinkState.None), (raw.FormatId, raw.VirtualSizeBytes, raw.Link));
        Assert.Equal(["a.qed"], Names(raw.Children));
        Assert.Equal(["b.qed", "c.qed"], Names(raw.Children[0].Children));
        ScannedImage b = raw.Children[0].Children[0];
        Assert.Equal((2L * Size, "./a.qed", _test["a.qed"], LinkState.Found, ""), (b.VirtualSizeBytes, b.ParentName, b.ParentPath, b.Link, b.Explanation));
        Assert.Empty(forest.Problems);
    }

    [Theory]
    [InlineData("gone.qed", null, LinkState.Missing, "does not exist")]
    [InlineData("sub/gone.qed", null, LinkState.Missing, "does not exist")]
    [InlineData("../outside.qed", null, LinkState.RefusedByPolicy, "AllowedRoots")]
    [InlineData("/etc/hostname", "raw", LinkState.RefusedByPolicy, "AllowedRoots")]
    [InlineData("nbd:host", null, LinkState.RefusedByPolicy, "scheme")]
    [InlineData("link out", null, LinkState.RefusedByPolicy, "leaves the folder")]
    [InlineData("fifo", "raw", LinkState.RefusedByPolicy, "a FIFO")]
    [InlineData("sub", "raw", LinkState.RefusedByPolicy, "a folder")]
    [InlineData("plain.raw", null, LinkState.WrongFormat, "not marked as raw")]
    [InlineData("foreign", null, LinkState.WrongFormat, "no backend")]
    [InlineData("damaged.qed", null, LinkState.Unreadable, "cluster")]
    [InlineData("child.qed", null, LinkState.Cycle, "itself")]
    [InlineData("./sub/../child.qed", null, LinkState.Cycle, "itself")]
    [InlineData("sub/below.qed", null, LinkState.OutsideScan, "outside of the folders")]
    [InlineData("sub/plain.raw", null, LinkState.WrongFormat, "not marked as raw")]
    [InlineData("damaged.qed", "raw", LinkState.Found, "marked as raw")]
    public async Task BrokenLink_IsExplained(string name, string? format, LinkState expected, string word)
    {
        Directory.CreateDirectory(_test["in/sub"]);
        await ShellAsync("mkfifo in/fifo");
        _test.Qed("outside.qed", Size);
        File.CreateSymbolicLink(_test["in/link out"], "../outside.qed");
        _test.Raw("in/plain.raw", Size, 1);
        _test.Raw("in/sub/plain.raw", Size, 1);
        await File.WriteAllTextAsync(_test["in/foreign"], "# Disk DescriptorFile\n", Token);
        _test.Qed("in/sub/below.qed", Size);
        Damage(_test.Qed("in/damaged.qed", Size));
        _test.Qed("in/child.qed", Size, name, format);

        ImageForest forest = await _test.Host.ScanAsync([_test["in"]], cancellationToken: Token);

        ScannedImage child = forest.Images.Single(image => image.Path == _test["in/child.qed"]);
        Assert.Equal(expected, child.Link);
        Assert.Contains(word, child.Explanation, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', child.Explanation);
        Assert.Equal(expected != LinkState.Found, forest.Roots.Contains(child));
        Assert.Contains(forest.Problems, problem => problem.Path == _test["in/damaged.qed"]);
        Assert.Contains(forest.Problems, problem => problem.Path == _test["in/link out"]);
        Assert.Equal(2, forest.Problems.Count);
    }

    [Fact]
    public async Task Cycle_IsCutAtItsMembers_AndWhatHangsBelowStays()
    {
        _test.Qed("a.qed", Size, "b.qed");
        _test.Qed("b.qed", Size, "c.qed");
        _test.Qed("c.qed", Size, "a.qed");
        _test.Qed("d.qed", Size, "b.qed");
        _test.Qed("0.qed", Size, "d.qed");

        ImageForest forest = await ScanAsync();

        Assert.Equal(["a.qed", "b.qed", "c.qed"], Names(forest.Roots));
        Assert.All(forest.Roots, image => Assert.Equal(LinkState.Cycle, image.Link));
        Assert.Equal(["d.qed"], Names(forest.Roots[1].Children));
        Assert.Equal(["0.qed"], Names(forest.Roots[1].Children[0].Children));
        Assert.Empty(forest.Roots[0].Children);
    }

    [Fact]
    public async Task NamesOfOneFile_AreOneImage()
    {
        _test.Qed("base.qed", Size);
        File.CreateSymbolicLink(_test["a link"], "base.qed");
        await ShellAsync("ln base.qed hard.qed");
        _test.Qed("one.qed", Size, "a link");
        _test.Qed("two.qed", Size, "hard.qed");

        ScannedImage root = Assert.Single((await ScanAsync()).Roots);

        Assert.Equal(_test["base.qed"], root.Path);
        Assert.Equal([_test["hard.qed"], _test["a link"]], root.OtherPaths);
        Assert.Equal(["one.qed", "two.qed"], Names(root.Children));
    }

    [Fact]
    public async Task Trusted_FollowsLinksAndNames_Anywhere()
    {
        _test.Qed("outside.qed", Size);
        _test.Qed("in/child.qed", Size, "../outside.qed");
        File.CreateSymbolicLink(_test["in/link"], _test["in/child.qed"]);
        File.CreateSymbolicLink(_test["in/link out"], "../outside.qed");

        ImageForest forest = await _test.Host.ScanAsync([_test["in"]], new ScanOptions { Trust = ReferenceTrust.Trusted }, cancellationToken: Token);
        Assert.Equal([LinkState.Found, LinkState.None], forest.Images.Select(image => image.Link));

        forest = await _test.Host.ScanAsync([_test["in"]], new ScanOptions { AllowedRoots = [_test.Folder] }, cancellationToken: Token);
        Assert.Equal(LinkState.OutsideScan, Assert.Single(forest.Images).Link);
        Assert.Equal(_test["in/link out"], Assert.Single(forest.Problems).Path);
    }

    [Fact]
    public async Task Folders_AreGoneInto_WhenAsked_AsDeepAsAllowed()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("1/child.qed", Size, "../base.qed");
        _test.Qed("1/2/child.qed", Size, "../child.qed");
        _test.Qed("1/2/3/child.qed", Size);
        Directory.CreateSymbolicLink(_test["1/up"], _test.Folder);

        Assert.Single((await ScanAsync()).Images);
        ImageForest forest = await ScanAsync(new ScanOptions { Recurse = true, MaxFolderDepth = 2 });
        Assert.Equal([_test["1/2/child.qed"], _test["1/child.qed"], _test["base.qed"]], forest.Images.Select(image => image.Path));
        Assert.Single(forest.Roots);
        Assert.Equal(_test["1/2/3"], Assert.Single(forest.Problems).Path);

        // Overlapping folders do not make an image another name of itself.
        forest = await _test.Host.ScanAsync([_test.Folder, _test["1"]], new ScanOptions { Recurse = true }, cancellationToken: Token);
        Assert.Equal(4, forest.Images.Count);
        Assert.All(forest.Images, image => Assert.Empty(image.OtherPaths));
    }

    [Fact]
    public async Task FolderOfThousands_WithNamesOfEveryKind_IsLookedAtUpToTheLimit()
    {
        _test.Qed("\u001b[31mred\n.qed", Size, "no\u001b[2Jsuch\nfile\u202E.qed");
        for (int i = 0; i < 3000; i++)
        {
            await File.WriteAllTextAsync(_test[$"noise {i}"], "noise", Token);
        }

        ImageForest forest = await ScanAsync();
        ScannedImage image = Assert.Single(forest.Images);
        Assert.Empty(forest.Problems);
        Assert.All(image.ParentName + image.Explanation + image, character => Assert.False(char.IsControl(character) || character == '\u202E'));

        forest = await ScanAsync(new ScanOptions { MaxFiles = 100 });
        Assert.Contains("MaxFiles", Assert.Single(forest.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NameThatIsNoText_IsAProblem_NotAnEnd()
    {
        _test.Qed("child.qed", Size);
        await ShellAsync("cp child.qed \"$(printf 'odd\\377.qed')\"");

        ImageForest forest = await ScanAsync();
        Assert.Equal(["child.qed"], Names(forest.Images));
        Assert.Contains("not UTF-8", Assert.Single(forest.Problems).Message, StringComparison.Ordinal);
        SiblingReport siblings = await _test.Host.FindChildrenAsync([], [], [_test.Folder], Token);
        Assert.Single(siblings.Uncertain);

        // The framework cannot remove it either.
        await ShellAsync("rm odd*");
    }

    [Fact]
    public async Task ImagesInUse_AreSeen_AndTheirUsersNotDisturbed()
    {
        _test.Qed("base.qed", Size);
        string child = _test.Qed("child.qed", Size, "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(child);
        Task<ImageForest>[] scans = [.. Enumerable.Range(0, 20).Select(_ => ScanAsync())];
        for (int i = 0; i < 200; i++)
        {
            disk.Write(i * 4096, new byte[100]);
            disk.Flush();
        }

        await disk.SnapshotAsync(_test["top.qed"], cancellationToken: Token);
        foreach (ImageForest forest in await Task.WhenAll(scans))
        {
            Assert.Equal("base.qed", Path.GetFileName(Assert.Single(forest.Roots).Path));
        }

        Assert.Equal(["base.qed", "child.qed", "top.qed"], Names((await ScanAsync()).Images));
        disk.Close();
    }

    [Fact]
    public async Task FilesThatComeAndGo_DoNotEndTheScan()
    {
        _test.Qed("base.qed", Size);
        byte[] image = await File.ReadAllBytesAsync(_test["base.qed"], Token);
        using var stop = new CancellationTokenSource();
        Task churn = Task.Run(
            () =>
            {
                for (int i = 0; !stop.IsCancellationRequested; i = (i + 1) % 10)
                {
                    File.WriteAllBytes(_test[$"new {i}"], image);
                    File.Move(_test[$"new {i}"], _test[$"moved {i}"], overwrite: true);
                    File.Delete(_test[$"moved {i}"]);
                }
            },
            Token);
        for (int i = 0; i < 50; i++)
        {
            Assert.Contains(_test["base.qed"], (await ScanAsync()).Images.Select(found => found.Path));
        }

        await stop.CancelAsync();
        await churn;
    }

    [Fact]
    public async Task JournalOfAMerge_IsNoImage_AndIsTold()
    {
        _test.Qed("vm.qed", Size);
        _test.Raw(".vm.qed.qedvd-merge", 100, 1);
        _test.Raw("..qedvd-merge.qedvd-merge", 100, 1);
        _test.Raw(".qedvd-merge", 100, 1);
        _test.Raw("vm.qedvd-merge", 100, 1);

        ImageForest forest = await ScanAsync();

        Assert.Equal(
            [new UnfinishedMerge(_test["..qedvd-merge.qedvd-merge"], _test[".qedvd-merge"]), new UnfinishedMerge(_test[".vm.qed.qedvd-merge"], _test["vm.qed"])],
            forest.Unfinished);
        Assert.Single(forest.Images);
    }

    [Fact]
    public async Task FolderThatIsMissing_IsAnError()
    {
        ImageException error = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.ScanAsync([_test["gone"]], cancellationToken: Token));
        Assert.Equal(ImageErrorKind.NotFound, error.Kind);
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _test.Host.ScanAsync([_test.Folder], cancellationToken: cancel.Token));
    }

    private async Task ShellAsync(string command)
    {
        using Process shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = _test.Folder })!;
        await shell.WaitForExitAsync(Token);
    }

    private async Task<ImageForest> ScanAsync(ScanOptions? options = null) => await _test.Host.ScanAsync([_test.Folder], options, cancellationToken: Token);

    private static string[] Names(IEnumerable<ScannedImage> images) => [.. images.Select(image => Path.GetFileName(image.Path))];

    private static void Damage(string path)
    {
        using FileStream file = File.OpenWrite(path);

        // The cluster size is no power of two any more.
        file.Position = 4;
        file.WriteByte(3);
    }
}
