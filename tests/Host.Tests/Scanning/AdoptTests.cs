using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Scanning;

/// <summary>An image that has lost its parent finds it again, and takes no other.</summary>
public sealed class AdoptTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task MovedParent_IsFoundByItsName_AndTheDiskReadsAgain()
    {
        Directory.CreateDirectory(_test["archive"]);
        _test.Qed("base.qed", Size);
        _test.Qed("other.qed", Size);
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["base.qed"]))
        {
            disk.Write(5000, [42]);
            disk.Close();
        }

        string child = _test.Qed("child.qed", Size, "base.qed");
        File.Move(_test["base.qed"], _test["archive/base.qed"]);

        AdoptResult dry = await AdoptAsync(child, new AdoptOptions { SearchFolders = [_test.Folder, _test["archive"]], DryRun = true });
        Assert.Equal("base.qed", await ParentOf(child));
        AdoptResult result = await AdoptAsync(child, new AdoptOptions { SearchFolders = [_test.Folder, _test["archive"]] });

        Assert.Equal((_test["archive/base.qed"], "qed", true), (result.ParentPath, result.ParentFormatId, result.IsChanged));
        Assert.Equal(dry.ParentPath, result.ParentPath);
        Assert.Equal("archive/base.qed", await ParentOf(child));
        byte[] read = new byte[1];
        using (VirtualDisk disk = _test.Host.OpenDisk(child))
        {
            disk.Read(5000, read);
        }

        Assert.Equal(42, read[0]);

        // Again: there is nothing to do.
        result = await AdoptAsync(child);
        Assert.Equal((_test["archive/base.qed"], false), (result.ParentPath, result.IsChanged));
    }

    [Fact]
    public async Task RenamedParent_IsListed_ButNotTakenUnlessNamed()
    {
        _test.Qed("renamed.qed", Size);
        _test.Qed("larger.qed", 2 * Size);
        _test.Raw("raw.img", Size, 1);
        _test.Raw("notes", 10, 1);
        string child = _test.Qed("child.qed", Size, "base.qed");
        _test.Qed("grandchild.qed", Size, "child.qed");

        ImageException refusal = await Refusal(child);

        Assert.Equal(ImageErrorKind.NotFound, refusal.Kind);
        Assert.Contains("renamed.qed': fits by its format and size", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("cycle", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"{2 * Size}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("(ParentPath)", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("base.qed", await ParentOf(child));

        AdoptResult result = await AdoptAsync(child, new AdoptOptions { ParentPath = _test["renamed.qed"] });
        Assert.Equal((_test["renamed.qed"], true), (result.ParentPath, result.IsChanged));
        Assert.Equal("renamed.qed", await ParentOf(child));
    }

    [Fact]
    public async Task SeveralThatFit_AreListed_AndNothingIsChanged()
    {
        _test.Qed("one.qed", Size);
        _test.Qed("two.qed", Size);
        File.CreateSymbolicLink(_test["one link"], "one.qed");
        string child = _test.Qed("child.qed", Size, "base.qed");

        ImageException refusal = await Refusal(child);

        Assert.Equal(ImageErrorKind.NotFound, refusal.Kind);
        Assert.Equal(2, refusal.Message.Split("': fits").Length - 1);
        Assert.Contains("two.qed': fits", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("base.qed", await ParentOf(child));
        _test.Qed("left/base.qed", Size);
        _test.Qed("right/base.qed", Size);
        refusal = await Refusal(child, new AdoptOptions { SearchFolders = [_test["left"], _test["right"]] });
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains("2 files can be", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("base.qed", await ParentOf(child));
        await AdoptAsync(child, new AdoptOptions { ParentPath = _test["two.qed"] });
        Assert.Equal("two.qed", await ParentOf(child));
    }

    [Fact]
    public async Task RawParent_IsTakenByNameOnly_AndStaysMarked()
    {
        Directory.CreateDirectory(_test["in"]);
        string child = _test.Qed("in/child.qed", Size, "base.img", "raw");
        _test.Raw("in/other.img", Size, 1);
        Assert.Equal(ImageErrorKind.NotFound, (await Refusal(child)).Kind);

        // An image of that name is not the raw disk that is meant.
        _test.Qed("trap/base.img", Size);
        ImageException refusal = await Refusal(child, new AdoptOptions { SearchFolders = [_test["trap"]] });
        Assert.Contains("marked as raw", refusal.Message, StringComparison.Ordinal);

        _test.Raw("base.img", Size, 3);
        AdoptResult result = await AdoptAsync(child, new AdoptOptions { SearchFolders = [_test["trap"], _test.Folder] });
        Assert.Equal((_test["base.img"], "raw"), (result.ParentPath, result.ParentFormatId));
        Assert.Contains(result.Warnings, warning => warning.Contains("AllowedRoots", StringComparison.Ordinal));
        ImageDescription image = await _test.Host.DescribeImageAsync(child, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(("../base.img", "raw"), (image.ParentName, image.ParentFormatId));
    }

    [Fact]
    public async Task UnmarkedParent_IsNeverARawFile_EvenWhenTheCallerNamesIt()
    {
        _test.Raw("base.qed", Size, 1);
        string child = _test.Qed("child.qed", Size, "base.qed");

        Assert.Contains("mark it", (await Refusal(child)).Message, StringComparison.Ordinal);
        Assert.Contains("mark it", (await Refusal(child, new AdoptOptions { ParentPath = _test["base.qed"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatDoesNotFit_IsSaid()
    {
        string child = _test.Qed("child.qed", Size, "sub/../gone/base.qed");
        string over = _test.Qed("over.qed", Size, "child.qed");
        string broken = _test.Qed("broken.qed", Size, "nothing.qed");
        string used = _test.Qed("used.qed", Size);
        using VirtualDisk writer = _test.Host.OpenDisk(used);

        Assert.Contains("cycle", (await Refusal(child, new AdoptOptions { ParentPath = over })).Message, StringComparison.Ordinal);
        Assert.Contains("itself", (await Refusal(child, new AdoptOptions { ParentPath = child })).Message, StringComparison.Ordinal);
        Assert.Contains("chain is broken", (await Refusal(child, new AdoptOptions { ParentPath = broken })).Message, StringComparison.Ordinal);
        Assert.Contains("in use", (await Refusal(child, new AdoptOptions { ParentPath = used })).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", (await Refusal(child, new AdoptOptions { ParentPath = _test["nowhere"] })).Message, StringComparison.Ordinal);
        Assert.Contains("regular file", (await Refusal(child, new AdoptOptions { ParentPath = _test.Folder })).Message, StringComparison.Ordinal);
        ImageException refusal = await Refusal(child);
        Assert.Equal(ImageErrorKind.NotFound, refusal.Kind);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(used)).Kind);
        Assert.Equal("sub/../gone/base.qed", await ParentOf(child));
    }

    [Fact]
    public async Task ParentThatWasChangedLater_IsWarnedOf()
    {
        _test.Qed("moved/base.qed", Size);
        string child = _test.Qed("child.qed", Size, "base.qed");
        File.SetLastWriteTimeUtc(_test["moved/base.qed"], File.GetLastWriteTimeUtc(child).AddSeconds(1));

        AdoptResult result = await AdoptAsync(child, new AdoptOptions { SearchFolders = [_test["moved"]] });

        Assert.Contains("after the image", Assert.Single(result.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImageInUse_IsRefused()
    {
        _test.Qed("base.qed", Size);
        string child = _test.Qed("child.qed", Size, "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(child);
        File.Move(_test["base.qed"], _test["moved.qed"]);

        Assert.Equal(ImageErrorKind.InUse, (await Refusal(child, new AdoptOptions { ParentPath = _test["moved.qed"] })).Kind);
    }

    private async Task<AdoptResult> AdoptAsync(string image, AdoptOptions? options = null) =>
        await _test.Host.AdoptParentAsync(image, options, TestContext.Current.CancellationToken);

    private async Task<ImageException> Refusal(string image, AdoptOptions? options = null) =>
        await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.AdoptParentAsync(image, options, TestContext.Current.CancellationToken));

    private async Task<string?> ParentOf(string image) => (await _test.Host.DescribeImageAsync(image, new ImageOpenRequest { ForceShare = true }, TestContext.Current.CancellationToken)).ParentName;
}
