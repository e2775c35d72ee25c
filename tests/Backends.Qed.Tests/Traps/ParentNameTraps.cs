using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>Another name for the parent, or none.</summary>
public sealed class ParentNameTraps
{
    private const int Cluster = 4096;
    private const int Size = 40 * Cluster;

    [Theory]
    [InlineData("a-rather-long-name.qed", "a")]
    [InlineData("a-rather-long-name.qed", "a-rather-long-name.qe")]
    [InlineData("ab", "cd")]
    [Trap("D10")]
    public async Task ShorterName_IsAllThatIsLeft(string old, string name)
    {
        SimulatedFile file = Named(old);
        await using (QedImage image = Images.Open(file))
        {
            await image.SetParentAsync(new ParentReference(name));
            Assert.Equal(name, image.Parent!.Name);
        }

        Assert.Equal(name, System.Text.Encoding.UTF8.GetString(new QedBytes(file).Name));
        await using QedImage again = Images.Open(file, readOnly: true);
        Assert.Equal(name, again.Parent!.Name);
    }

    [Theory]
    [InlineData("a", 2)]
    [InlineData("a", 3000)]
    [InlineData(null, 100)]
    [InlineData(null, Cluster - 64)]
    [Trap("D11", "D04")]
    public async Task LongerName_OrAFirstOne_IsTaken_InsideTheHeaderArea(string? old, int length)
    {
        SimulatedFile file = Named(old);
        byte[] name = [.. Enumerable.Repeat((byte)'n', length)];
        await using (QedImage image = Images.Open(file))
        {
            await image.SetParentAsync(new ParentReference(name, "raw"));
            GuestDisk.Write(image, 0, new byte[Cluster]);
            await image.SetParentAsync(new ParentReference(name, "raw"));
        }

        QedBytes bytes = new(file);
        Assert.Equal((5UL, length), (bytes.Features, bytes.Name.Length));
        Assert.InRange(bytes.NameOffset, 64, (bytes.HeaderClusters * Cluster) - length);
        Assert.Equal(name, bytes.Name);
        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trap("D11", "D48")]
    public async Task ClearedName_IsNone_AndTheImageStandsAlone(bool isRaw)
    {
        SimulatedFile file = Named("parent.qed", isRaw ? "raw" : null);
        await using (QedImage image = Images.Open(file))
        {
            image.Write(Cluster, ConcurrencyTests.Pattern(Cluster, 1));
            await image.SetParentAsync(null);
            await image.SetParentAsync(null);
            Assert.Null(image.Parent);
            Assert.Equal(ImageFlags.None, image.Flags);
        }

        Assert.Equal((0UL, 0L), (new QedBytes(file).Features, new QedBytes(file).NameBytes));
        await using QedImage again = Images.Open(file);
        Assert.Null(again.Parent);
        Assert.Equal([.. new byte[Cluster], .. ConcurrencyTests.Pattern(Cluster, 1)], GuestDisk.Read(again, 0, 2 * Cluster));
        Assert.False(again.Write(10 * Cluster, new byte[10]).IsFree);
    }

    /// <summary>The file ends beyond 4 GiB; the name still goes into the header area, and no other byte changes.</summary>
    [Fact]
    [Trap("D12")]
    public async Task NameInAFileOfMoreThan4GiB_IsInTheHeaderArea()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { Features = 1, NameOffset = 64, NameSize = 1 }).AddUsualTable().SetClusters((5L << 30) / Cluster);
        image.SetL2(3, 9, (5L << 30) - Cluster);
        image.File.Poke(64, "p"u8);
        image.File.Poke(5 * Cluster, ConcurrencyTests.Pattern(3 * Cluster, 1));
        await using (QedImage disk = Images.Open(image.File))
        {
            await disk.SetParentAsync(new ParentReference("another-name.qed"));
            GuestDisk.Write(disk, 20 * Cluster, new byte[Cluster], new byte[1 << 20]);
        }

        Assert.InRange(new QedBytes(image.File).NameOffset, 64, Cluster - 16);
        Assert.Equal("another-name.qed"u8.ToArray(), new QedBytes(image.File).Name);
        Assert.Equal(ConcurrencyTests.Pattern(3 * Cluster, 1), image.File.ReadBytes(5 * Cluster, 3 * Cluster));
        Assert.True(new QedBytes(image.File).Entry(20) >= 5UL << 30);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Cluster - 63)]
    [InlineData(4096)]
    [InlineData(100_000)]
    [Trap("D13")]
    public async Task NameThatDoesNotFit_IsRefused_AndAllIsAsBefore(int length)
    {
        SimulatedFile file = Named("parent.qed");
        await using QedImage image = Images.Open(file);
        string before = file.ComputeHash();

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.SetParentAsync(new ParentReference(new byte[length].Select(_ => (byte)'n').ToArray())));

        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Equal(before, file.ComputeHash());
        Assert.Equal("parent.qed", image.Parent!.Name);
    }

    /// <summary>A fault or a crash at any point: the old name or the new one, whole, in memory and in the file; and it can be tried again.</summary>
    [Theory]
    [InlineData("old-parent.qed", "another-parent-name.qed")]
    [InlineData("old-parent.qed", "b")]
    [InlineData("old-parent.qed", null)]
    [InlineData(null, "first.qed")]
    [Trap("D14")]
    public async Task ChangeOfTheName_ThatFails_LeavesTheOldOne(string? old, string? name)
    {
        byte[] disk = new byte[Size];
        SimulatedFile file = Named(old);
        using (QedImage image = Images.Open(file))
        {
            image.Write(Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        }

        ConcurrencyTests.Pattern(Cluster, 1).CopyTo(disk, Cluster);
        int struck = await FaultLoop.RunAsync(new FaultScenario
        {
            Name = $"parent {old ?? "none"} to {name ?? "none"}",
            Backend = new QedBackend(),
            File = file.Copy(),
            Before = disk,
            Act = image => image.SetParentAsync(name is null ? null : new ParentReference(name)),
            IsDurableWhenDone = true,
            FencesInDoubt = true,
            IsAsBefore = image => image.Parent?.Name == old && image.Flags == (old is null ? ImageFlags.None : ImageFlags.Differencing),
            IsAsAfter = image => image.Parent?.Name == name && image.Flags == (name is null ? ImageFlags.None : ImageFlags.Differencing),
        });

        Assert.InRange(struck, 10, int.MaxValue);
    }

    private static SimulatedFile Named(string? parent, string? format = null)
    {
        SimulatedFile file = new();
        new QedBackend().Create(file.Open(), Images.CreateOptions(Size, Cluster, 2) with { Parent = parent is null ? null : new ParentReference(parent, format) });
        return file.Copy();
    }
}
