using System.Text;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.HeaderChanges;

/// <summary>The parent's name: where it is put, what it changes, and what a crash leaves of it.</summary>
public sealed class SetParentTests
{
    private const int Cluster = 4096;
    private const int Size = 600 * Cluster;

    [Theory]
    [InlineData("b", false)]
    [InlineData("a longer name than before.img", true)]
    [InlineData("parent.qe", false)]
    [InlineData("parent.qed", true)]
    public async Task Name_LongerShorterOrMarked_IsStored_AndCurrentAtOnce(string name, bool isRaw)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using (QedImage image = Images.Open(file))
        {
            await image.SetParentAsync(new ParentReference(name, isRaw ? "raw" : "qed"));

            Assert.Equal((name, isRaw), (image.Parent!.Name, image.Parent.IsRaw));
            Assert.True(image.Flags.HasFlag(ImageFlags.Differencing));
        }

        await using QedImage again = Images.Open(file);
        Assert.Equal((name, isRaw), (again.Parent!.Name, again.Parent.IsRaw));
        Images.AssertClean(file);
    }

    [Fact]
    public async Task SameName_WritesNothing_AndNoneOnAnImageWithoutOneNeither()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        await image.SetParentAsync(new ParentReference("parent.qed"));
        Assert.Equal(0, file.CountOfChanges());

        SimulatedFile other = Images.Create(Size, Cluster, 1);
        await using QedImage alone = Images.Open(other);
        await alone.SetParentAsync(null);
        Assert.Equal(0, other.CountOfChanges());
    }

    [Fact]
    public async Task Clearing_LeavesNoParent_AndFreeSpaceReadsZero()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        Assert.True(image.Write(100, new byte[1]).IsFree);

        await image.SetParentAsync(null);

        Assert.Null(image.Parent);
        Assert.Equal(ImageFlags.None, image.Flags);
        Assert.False(image.Write(100, new byte[1]).IsFree);
        await image.CloseAsync();
        await using QedImage again = Images.Open(file);
        Assert.Null(again.Parent);
        Assert.Equal(0ul, again.Header.Features);
    }

    [Fact]
    public async Task NewName_MeansUnknown_UntilTheHostHasTold()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.Nothing);
        image.Write(0, new byte[Cluster]);

        await image.SetParentAsync(new ParentReference("below"));

        // What was written over nothing is durable before there is something.
        Assert.Equal(0, image.DirtySlices);
        Assert.True(image.Write(7 * Cluster, new byte[1]).IsFree);
        image.SetBeneath(Beneath.UpTo(Cluster));
        Assert.False(image.Write(7 * Cluster, new byte[1]).IsFree);
    }

    [Theory]
    [InlineData("", ImageErrorKind.InvalidArgument, "0 bytes")]
    [InlineData("a\0b", ImageErrorKind.InvalidArgument, "NUL")]
    [InlineData("4033", ImageErrorKind.InvalidArgument, "room for 4032")]
    [InlineData("4096", ImageErrorKind.InvalidArgument, "1 to 4095")]
    [InlineData("4032", ImageErrorKind.InvalidArgument, "beside the old one of 10 bytes")]
    public async Task NameThatCannotBe_IsRefusedWithTheReason_AndNothingIsWritten(string name, ImageErrorKind kind, string reason)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.UpTo(100));
        string text = int.TryParse(name, out int length) ? new string('x', length) : name;

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.SetParentAsync(new ParentReference(text)));

        Assert.Equal(kind, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, file.CountOfChanges());
        Assert.Equal("parent.qed", image.Parent!.Name);
        Assert.False(image.Write(7 * Cluster, new byte[1]).IsFree);
    }

    [Fact]
    public async Task LongestNameThatFits_IsTaken_AndOneBehindAPrefixOfItToo()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        await using QedImage image = Images.Open(file);
        string longest = new('n', 4032);
        await image.SetParentAsync(new ParentReference(longest[..4000]));

        // Both do not fit, but share their bytes.
        await image.SetParentAsync(new ParentReference(longest));

        await using QedImage again = Images.Open(file.Copy());
        Assert.Equal(longest, again.Parent!.Name);
    }

    [Fact]
    public async Task UnknownCompatibleFeature_ForbidsToSet_AllowsToClear_AndIsKept()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        file.Poke(24, [0x80]);
        await using QedImage image = Images.Open(file);
        Assert.Contains(image.Warnings, warning => warning.Contains("0x80", StringComparison.Ordinal));

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.SetParentAsync(new ParentReference("x")));
        Assert.Equal(ImageErrorKind.UnsupportedFeature, refusal.Kind);

        await image.SetParentAsync(null);
        Assert.Null(image.Parent);
        Assert.Equal(0x80, file.ReadBytes(24, 1)[0]);
    }

    [Fact]
    public async Task ReadOnlyImage_RefusesAsReadOnly()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file, readOnly: true);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.SetParentAsync(null));

        Assert.Equal(ImageErrorKind.ReadOnly, refusal.Kind);
        Assert.False(image.Capabilities.HasFlag(ImageCapabilities.SetParent));
    }

    [Fact]
    public async Task WarningOfTheOldName_GoesWithIt()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        file.Poke(60, [0, 0, 0, 0]);
        await using QedImage image = Images.Open(file);
        Assert.Contains(image.Warnings, warning => warning.Contains("length 0", StringComparison.Ordinal));

        await image.SetParentAsync(new ParentReference("x"));

        Assert.DoesNotContain(image.Warnings, warning => warning.Contains("length 0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BytesBehindTheHeader_ThatAreNoName_AreKept()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        file.Poke(400, [1, 2, 3]);
        await using QedImage image = Images.Open(file);

        await image.SetParentAsync(new ParentReference("other"));

        Assert.Equal(new byte[] { 1, 2, 3 }, file.ReadBytes(400, 3));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("another parent.qed")]
    [InlineData("long")]
    [InlineData("parent.qed and more")]
    [InlineData(null)]
    public async Task Crash_AtAnyPoint_LeavesTheOldNameOrTheNew_NeverAMixture(string? name)
    {
        name = name == "long" ? string.Concat(Enumerable.Range(0, 300).Select(i => $"{i:d4}/")) : name;
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using (QedImage image = Images.Open(file))
        {
            await image.SetParentAsync(name is null ? null : new ParentReference(name));
            await image.SetParentAsync(new ParentReference("the third", "raw"));
        }

        HashSet<string> seen = [];
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 6, Samples = 40 }).Concat(CrashStates.OfProcessKill(file)))
        {
            using QedImage left = Images.Open(state.File, readOnly: true);
            string found = $"{left.Parent?.Name}{(left.Parent?.IsRaw == true ? " raw" : "")}";
            Assert.True(found == "parent.qed" || found == (name ?? "") || found == "the third raw", $"{found}\n{state.Description}");
            seen.Add(found);
        }

        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public async Task EveryOperation_FailingOnce_LeavesOneOfTheNames_InMemoryAsInTheFile()
    {
        foreach (StorageOperationKind kind in new[] { StorageOperationKind.Write, StorageOperationKind.Barrier })
        {
            bool hasStruck = true;
            for (int nth = 1; hasStruck; nth++)
            {
                SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
                string seen;
                StorageFault fault = file.Fail(kind, nth);
                using (QedImage image = Images.Open(file))
                {
                    try
                    {
                        await image.SetParentAsync(new ParentReference("another", "raw"));
                    }
                    catch (ImageException)
                    {
                        Assert.True(fault.Hits > 0);
                    }

                    seen = image.Parent!.Name;
                    hasStruck = fault.Hits > 0;
                    file.ClearFaults();
                    if (hasStruck && kind != StorageOperationKind.Barrier)
                    {
                        Assert.Equal("parent.qed", seen);
                        await image.SetParentAsync(new ParentReference("another", "raw"));
                        seen = "another";
                    }
                }

                using QedImage again = Images.Open(file.Copy(), readOnly: true);
                Assert.Contains(again.Parent!.Name, kind == StorageOperationKind.Barrier ? ["another", "parent.qed"] : new[] { seen });
            }
        }
    }

    [Fact]
    public async Task HeaderThatCouldNotBeWritten_IsSettledByTheNextFlush_OrFailsIt()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        QedImage image = Images.Open(file);

        // A write that failed may have been done all the same.
        file.Fail(new StorageFault { Kind = StorageOperationKind.Write, Where = (offset, _) => offset == 0, IsSticky = true, PartialBytes = 64 });
        await Assert.ThrowsAsync<ImageException>(async () => await image.SetParentAsync(null));
        Assert.Equal("parent.qed", image.Parent!.Name);
        Assert.Throws<ImageException>(image.Flush);
        file.ClearFaults();

        image.Close();

        using QedImage again = Images.Open(file);
        Assert.Equal("parent.qed", again.Parent?.Name);
    }

    [Fact]
    public async Task LazyMode_KeepsItsMark()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file, ConsistencyMode.Lazy);
        image.SetBeneath(Beneath.Nothing);
        image.Write(0, new byte[Cluster]);

        await image.SetParentAsync(new ParentReference("x"));

        Assert.True(QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "test").NeedsCheck);
        await image.CloseAsync();
        QedHeader closed = QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "test");
        Assert.Equal((false, true), (closed.NeedsCheck, closed.HasParent));
    }

    [Fact]
    public void Place_IsBehindTheHeader_OrApart_OrSharesEqualBytes()
    {
        Assert.Equal(64, Place(4096, 0, "", "new"));
        Assert.Equal(64, Place(4096, 100, "old", "new"));
        Assert.Equal(67, Place(4096, 64, "old", "new"));
        Assert.Equal(64, Place(70, 67, "old", "new"));
        Assert.Equal(64, Place(70, 64, "abcdef", "abc"));
        Assert.Equal(67, Place(70, 64, "abcdef", "def"));
        Assert.Equal(65, Place(70, 64, "abcde", "bcdef"));
        Assert.Null(Place(70, 64, "abcdef", "xyz"));
        Assert.Null(Place(66, 0, "", "new"));
        Assert.Equal(64, Place(long.MaxValue, 200, "old", "new"));
        Assert.Equal(64, Place(4096, 3, "old", "new"));
    }

    private static long? Place(long area, long offset, string old, string name) =>
        ParentName.FindPlace(area, offset, Encoding.UTF8.GetBytes(old), Encoding.UTF8.GetBytes(name));
}
