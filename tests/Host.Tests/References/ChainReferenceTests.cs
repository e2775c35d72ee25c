using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.References;

/// <summary>Which parents a chain takes, and what it says of those that it does not.</summary>
public sealed class ChainReferenceTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Fact]
    public void RelativeParent_IsTakenFromTheFolderOfTheImageThatNamesIt()
    {
        _test.Raw("base.raw", Size, 7);
        _test.Qed("sub/middle.qed", Size, "../base.raw", "raw");
        string top = _test.Qed("top.qed", Size, "sub/middle.qed");

        using VirtualDisk disk = _test.Host.OpenDisk(top);
        byte[] byteRead = new byte[1];
        disk.Read(Size - 1, byteRead);

        Assert.Equal(7, byteRead[0]);
        Assert.Equal(["qed", "qed", "raw"], disk.Levels.Select(level => level.FormatId));
        Assert.Equal([false, true, true], disk.Levels.Select(level => level.IsReadOnly));
    }

    [Theory]
    [InlineData("nbd://127.0.0.1:1/x")]
    [InlineData("json:{\"driver\":\"file\"}")]
    [InlineData("file:base.raw")]
    [InlineData("fat:.")]
    public void SchemeInAName_IsRefused_TrustedToo(string name)
    {
        _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, name, "raw");

        foreach (ReferenceTrust trust in Enum.GetValues<ReferenceTrust>())
        {
            ImageException refusal = Refusal(top, new DiskOpenOptions { Trust = trust });
            Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
            Assert.Contains("level 1", refusal.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("../outside.raw")]
    [InlineData("sub/../../outside.raw")]
    [InlineData(null)]
    public void ParentOutsideOfTheRoots_IsRefused_UntilAllowedOrTrusted(string? name)
    {
        string outside = _test.Raw("outside.raw", Size, 7);
        string top = _test.Qed("inner/top.qed", Size, name ?? outside, "raw");

        ImageException refusal = Refusal(top);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
        Assert.Contains("AllowedRoots", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Trust", refusal.Message, StringComparison.Ordinal);
        _test.Host.OpenDisk(top, new DiskOpenOptions { AllowedRoots = [_test.Folder] }).Dispose();
        _test.Host.OpenDisk(top, new DiskOpenOptions { Trust = ReferenceTrust.Trusted }).Dispose();
    }

    [Fact]
    public void AbsoluteNameBelowARoot_IsTaken()
    {
        string inside = _test.Raw("base.raw", Size, 7);
        _test.Host.OpenDisk(_test.Qed("top.qed", Size, inside, "raw")).Dispose();
    }

    [Fact]
    public void NameThatLooksLikeARoot_ButIsItsNeighbour_IsRefused()
    {
        Directory.CreateDirectory(_test["images-other"]);
        string neighbour = _test.Raw("images-other/base.raw", Size, 7);
        string top = _test.Qed("images/top.qed", Size, neighbour, "raw");

        // The folder's opener would refuse it too; the policy has to see it by itself.
        ImageException refusal = Refusal(top);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
        Assert.Contains("outside of the folders", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LinkThatLeavesTheRoot_IsRefused_AndNamesTheOption()
    {
        string outside = _test.Raw("outside.raw", Size, 7);
        string top = _test.Qed("inner/top.qed", Size, "link.raw", "raw");
        File.CreateSymbolicLink(_test["inner/link.raw"], outside);

        ImageException refusal = Refusal(top);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
        Assert.Contains("--trusted", refusal.Message, StringComparison.Ordinal);
        _test.Host.OpenDisk(top, new DiskOpenOptions { Trust = ReferenceTrust.Trusted }).Dispose();
    }

    [Fact]
    public void ParentThatIsNoRegularFile_IsRefused_TrustedToo()
    {
        Directory.CreateDirectory(_test["folder"]);
        foreach (string name in (string[])["folder", "/dev/zero"])
        {
            string top = _test.Qed($"over-{Path.GetFileName(name)}.qed", Size, name, "raw");
            Assert.Equal(ImageErrorKind.RefusedByPolicy, Refusal(top, new DiskOpenOptions { Trust = ReferenceTrust.Trusted }).Kind);
        }
    }

    [Fact]
    public void MissingParent_IsNamedWithItsLevelAndPath_AndCanBeOpenedWithout()
    {
        _test.Qed("middle.qed", Size, "gone.raw", "raw");
        string top = _test.Qed("top.qed", Size, "middle.qed");

        ImageException missing = Refusal(top);
        Assert.Equal(ImageErrorKind.NotFound, missing.Kind);
        Assert.Contains("level 2", missing.Message, StringComparison.Ordinal);
        Assert.Contains(_test["gone.raw"], missing.Message, StringComparison.Ordinal);
        Assert.Contains("AllowMissingParent", missing.Message, StringComparison.Ordinal);

        Assert.Equal(ImageErrorKind.InvalidArgument, Refusal(top, new DiskOpenOptions { AllowMissingParent = true }).Kind);
        using VirtualDisk disk = _test.Host.OpenDisk(top, new DiskOpenOptions { AllowMissingParent = true, ReadOnly = true });
        Assert.Equal(2, disk.Levels.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SelfReference_IsACycle(bool isReadOnly)
    {
        string top = _test.Qed("top.qed", Size, "./top.qed");

        ImageException cycle = Refusal(top, new DiskOpenOptions { ReadOnly = isReadOnly });
        Assert.Contains("cycle", cycle.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CycleOverALinkedName_IsFoundByIdentity(bool isReadOnly)
    {
        string top = _test.Qed("top.qed", Size, "middle.qed");
        _test.Qed("middle.qed", Size, "again.qed");
        File.CreateSymbolicLink(_test["again.qed"], "top.qed");

        ImageException cycle = Refusal(top, new DiskOpenOptions { ReadOnly = isReadOnly });
        Assert.Contains("cycle", cycle.Message, StringComparison.Ordinal);
        Assert.Contains("level 2", cycle.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Depth_IsLimited_ExactlyAsAsked()
    {
        _test.Qed("0.qed", Size);
        for (int i = 1; i < 5; i++)
        {
            _test.Qed($"{i}.qed", Size, $"{i - 1}.qed");
        }

        _test.Host.OpenDisk(_test["4.qed"], new DiskOpenOptions { MaxDepth = 5 }).Dispose();
        ImageException tooDeep = Refusal(_test["4.qed"], new DiskOpenOptions { MaxDepth = 4 });
        Assert.Equal(ImageErrorKind.RefusedByPolicy, tooDeep.Kind);
        Assert.Contains("MaxDepth", tooDeep.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnmarkedParent_MustBeQedWithCertainty_UnlessMoreIsAllowed()
    {
        _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, "base.raw");

        ImageException refusal = Refusal(top);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, refusal.Kind);
        Assert.Contains("AllowedParentFormats", refusal.Message, StringComparison.Ordinal);
        using VirtualDisk disk = _test.Host.OpenDisk(top, new DiskOpenOptions { AllowedParentFormats = ["qed", "raw"] });
        Assert.Equal("raw", disk.Levels[1].FormatId);
    }

    [Fact]
    public void UnmarkedQedParent_IsRefused_WhenQedIsNotAllowed()
    {
        _test.Qed("base.qed", Size);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, Refusal(_test.Qed("top.qed", Size, "base.qed"), new DiskOpenOptions { AllowedParentFormats = ["raw"] }).Kind);
    }

    [Fact]
    public void ParentMarkedRaw_IsRaw_WhateverItHolds()
    {
        _test.Qed("inside.qed", Size, "/etc/hostname", "raw");
        string top = _test.Qed("top.qed", Size, "inside.qed", "raw");

        using VirtualDisk disk = _test.Host.OpenDisk(top);
        byte[] start = new byte[4];
        disk.Read(0, start);

        Assert.Equal("QED\0"u8.ToArray(), start);
        Assert.Equal("raw", disk.Levels[1].FormatId);
    }

    [Fact]
    public async Task Info_OpensNothingThatTheImageNames()
    {
        string top = _test.Qed("top.qed", Size, "gone\n\u001b[31m.raw", "raw");

        ImageDescription description = await _test.Host.DescribeImageAsync(top, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(@"gone\u{a}\u{1b}[31m.raw", description.ParentName);
        Assert.Equal(_test["gone\n\u001b[31m.raw"], description.ParentPath);
        Assert.Equal("raw", description.ParentFormatId);
        Assert.Equal("gone\n\u001b[31m.raw"u8.ToArray(), description.ParentNameBytes.ToArray());
        Assert.NotEmpty(description.FormatLines);
        Assert.DoesNotContain(description.FormatLines, line => line.Any(char.IsControl));
        Assert.Equal(ImageErrorKind.NotFound, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.DescribeChainAsync(top))).Kind);
    }

    [Fact]
    public void RefusedChain_LeavesNoLockBehind()
    {
        string top = _test.Qed("top.qed", Size, "gone.raw", "raw");
        Refusal(top);
        _test.Raw("gone.raw", Size, 3);
        _test.Host.OpenDisk(top).Dispose();
        _test.Host.OpenDisk(top).Dispose();
    }

    [Fact]
    public void WritableRaw_IsNeverGuessed()
    {
        string raw = _test.Raw("disk.img", Size, 0);

        Assert.Equal(ImageErrorKind.NotThisFormat, Refusal(raw).Kind);
        _test.Host.OpenDisk(raw, new DiskOpenOptions { Format = "raw" }).Dispose();
        _test.Host.OpenDisk(raw, new DiskOpenOptions { ReadOnly = true }).Dispose();
    }

    [Fact]
    public void OptionsThatMakeNoSense_AreRefused_AndSayWhatIsMissing()
    {
        string path = _test.Qed("top.qed", Size);

        Assert.Contains(nameof(DiskOpenOptions.ForceShare), Refusal(path, new DiskOpenOptions { ForceShare = true }).Message, StringComparison.Ordinal);
        Assert.Contains(nameof(DiskOpenOptions.AllowMissingParent), Refusal(path, new DiskOpenOptions { AllowMissingParent = true }).Message, StringComparison.Ordinal);
        Assert.Contains("MaxDepth is 0", Refusal(path, new DiskOpenOptions { MaxDepth = 0 }).Message, StringComparison.Ordinal);
        _test.Host.OpenDisk(path, new DiskOpenOptions { MaxDepth = 1 }).Dispose();
    }

    [Fact]
    public void ParentThatSomebodyWrites_IsInUse_AndTheMessageNamesTheLevel()
    {
        using VirtualDisk parent = _test.Host.OpenDisk(_test.Qed("base.qed", Size));
        string top = _test.Qed("top.qed", Size, "base.qed");

        ImageException refusal = Refusal(top);
        Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
        Assert.StartsWith($"{top}: its parent 'base.qed' (level 1) is in use. ", refusal.Message, StringComparison.Ordinal);

        parent.Close();
        _test.Host.OpenDisk(top).Dispose();
    }

    [Fact]
    public void ParentOfAFormatThatNobodyHandles_IsNamed()
    {
        byte[] qcow = new byte[4096];
        "QFI"u8.CopyTo(qcow);
        (qcow[3], qcow[7]) = (0xFB, 3);
        File.WriteAllBytes(_test["base"], qcow);

        Assert.Contains("qcow2", Refusal(_test.Qed("top.qed", Size, "base")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ParentDisk_TakesThePlaceOfTheNamedParent()
    {
        string raw = _test.Raw("disk.img", Size, 5);
        string top = _test.Qed("top.qed", Size, "nbd://nowhere/", "raw");
        using VirtualDisk parent = _test.Host.OpenDisk(raw, new DiskOpenOptions { ReadOnly = true });

        using (VirtualDisk disk = _test.Host.OpenDisk(top, new DiskOpenOptions { ParentDisk = parent }))
        {
            disk.WriteZeroes(4096, 4096);
            disk.Write(1, [9]);
        }

        using VirtualDisk again = _test.Host.OpenDisk(top, new DiskOpenOptions { ParentDisk = parent });
        byte[] start = new byte[3 * 4096];
        again.Read(0, start);
        Assert.Equal((5, 9, 0, 5), (start[0], start[1], start[4096], start[8192]));
    }

    [Fact]
    public async Task ReadOnlyParentDisk_OverOneThatIsWritten_ShowsWhatIsWritten()
    {
        using VirtualDisk writable = _test.Host.OpenDisk(_test.Qed("writable.qed", Size));
        using VirtualDisk parent = _test.Host.OpenDisk(_test.Qed("parent.qed", Size), new DiskOpenOptions { ReadOnly = true, ParentDisk = writable });
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });

        // Of three levels beneath the top it is remembered what they do not hold.
        await disk.SnapshotAsync(_test["first.qed"], new SnapshotOptions(), TestContext.Current.CancellationToken);
        await disk.SnapshotAsync(_test["second.qed"], new SnapshotOptions(), TestContext.Current.CancellationToken);
        byte[] one = new byte[1];
        for (int i = 0; i < 3; i++)
        {
            disk.Read(5, one);
        }

        writable.Write(5, [3]);
        disk.Read(5, one);

        Assert.Equal(3, one[0]);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.FlattenAsync(cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
    }

    public void Dispose() => _test.Dispose();

    private ImageException Refusal(string path, DiskOpenOptions? options = null)
    {
        ImageException refusal = Assert.Throws<ImageException>(() => _test.Host.OpenDisk(path, options));
        Assert.DoesNotContain(refusal.Message, char.IsControl);
        return refusal;
    }
}
