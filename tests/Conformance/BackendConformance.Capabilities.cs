using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>What is claimed works; what is not claimed answers in the one agreed way.</content>
public abstract partial class BackendConformance
{
    [Fact]
    public void Capabilities_OfAnImage_AreAmongItsBackends()
    {
        using IDiskImage image = Open(NewFile());
        Assert.Equal(ImageCapabilities.None, image.Capabilities & ~Backend.Info.Capabilities);
        Assert.Equal(CanWrite, image.Capabilities.HasFlag(ImageCapabilities.Write));
    }

    [Fact]
    public async Task SetOpenFlags_Claimed_ChangesReadingAndWriting()
    {
        await using IDiskImage image = Open(NewFile());
        if (!image.Capabilities.HasFlag(ImageCapabilities.SetOpenFlags))
        {
            await AssertNotSupportedAsync(() => image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly), nameof(ImageCapabilities.SetOpenFlags));
            return;
        }

        byte[] data = Pattern(1, Units(image, 4));
        if (CanWrite)
        {
            await Disk(image).WriteAsync(0, data);
        }

        await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly);
        Assert.True(image.IsReadOnly);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, data)).Kind);
        if (CanWrite)
        {
            AssertSame(data, await Disk(image).ReadAsync(0, data.Length), "read-only");
            await image.SetOpenFlagsAsync(ImageOpenFlags.None);
            await Disk(image).WriteAsync(0, Pattern(2, data.Length));
            AssertSame(Pattern(2, data.Length), await Disk(image).ReadAsync(0, data.Length), "writable again");
        }
    }

    [Fact]
    public async Task SetParent_Claimed_IsStored()
    {
        SimulatedFile file = NewFile();
        await using (IDiskImage image = Open(file))
        {
            if (!image.Capabilities.HasFlag(ImageCapabilities.SetParent))
            {
                await AssertNotSupportedAsync(() => image.SetParentAsync(new ParentReference("other")), nameof(ImageCapabilities.SetParent));
                return;
            }

            await image.SetParentAsync(new ParentReference("other parent", ParentReference.Raw));
        }

        await using (IDiskImage again = Open(file))
        {
            Assert.Equal(("other parent", true), (again.Parent?.Name, again.Parent?.IsRaw));
            await again.SetParentAsync(new ParentReference("short"));
            Assert.Equal(("short", false), (again.Parent?.Name, again.Parent?.IsRaw));
            Assert.True(again.Flags.HasFlag(ImageFlags.Differencing));
            await again.SetParentAsync(null);
            Assert.Null(again.Parent);
            Assert.False(again.Flags.HasFlag(ImageFlags.Differencing));
        }

        await using IDiskImage last = Open(file);
        Assert.Null(last.Parent);
    }

    [Fact]
    public async Task Grow_Claimed_AddsZeros()
    {
        SimulatedFile file = NewFile();
        await using IDiskImage image = Open(file);
        long old = image.VirtualSizeBytes;
        long size = (old + (1 << 20)) / 4096 * 4096;
        if (!image.Capabilities.HasFlag(ImageCapabilities.Grow))
        {
            await AssertNotSupportedAsync(() => image.ResizeAsync(size, mayShrink: false), nameof(ImageCapabilities.Grow));
            return;
        }

        byte[] expected = new byte[size];
        if (CanWrite)
        {
            Pattern(1, old).CopyTo(expected, 0);
            await Disk(image).WriteAsync(0, Pattern(1, old));
        }

        await image.ResizeAsync(size, mayShrink: false);
        Assert.Equal(size, image.VirtualSizeBytes);
        Assert.Equal(size, image.Regions.Sum(region => region.LengthBytes));
        AssertSame(expected, await Disk(image).ReadAllAsync(), "after growing");
        await image.CloseAsync();
        using IDiskImage again = Open(file);
        AssertSame(expected, await Disk(again).ReadAllAsync(), "after reopening");
    }

    [Fact]
    public async Task Shrink_Claimed_CutsOnlyWhenItMay_AndShowsZerosWhenItGrowsAgain()
    {
        SimulatedFile file = NewFile();
        await using IDiskImage image = Open(file);
        long old = image.VirtualSizeBytes;
        long size = old / 2 / 4096 * 4096;
        if (!image.Capabilities.HasFlag(ImageCapabilities.Shrink))
        {
            await AssertNotSupportedAsync(() => image.ResizeAsync(size, mayShrink: true), nameof(ImageCapabilities.Shrink));
            return;
        }

        byte[] data = Pattern(1, old);
        if (CanWrite)
        {
            await Disk(image).WriteAsync(0, data);
        }
        else
        {
            Array.Clear(data);
        }

        await RefusalAsync(() => image.ResizeAsync(size, mayShrink: false));
        Assert.Equal(old, image.VirtualSizeBytes);
        await image.ResizeAsync(size, mayShrink: true);
        Assert.Equal(size, image.VirtualSizeBytes);
        Assert.Equal(size, image.Regions.Sum(region => region.LengthBytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => image.Read(size, new byte[image.Limits.AlignmentBytes]));
        AssertSame(data.AsMemory(0, (int)size), await Disk(image).ReadAllAsync(), "after shrinking");
        await image.CloseAsync();

        await using IDiskImage again = Open(file);
        Assert.Equal(size, again.VirtualSizeBytes);
        AssertSame(data.AsMemory(0, (int)size), await Disk(again).ReadAllAsync(), "after reopening");
        if (again.Capabilities.HasFlag(ImageCapabilities.Grow))
        {
            await again.ResizeAsync(old, mayShrink: false);
            Array.Clear(data, (int)size, data.Length - (int)size);
            AssertSame(data, await Disk(again).ReadAllAsync(), "after growing again");
        }
    }

    [Fact]
    public async Task Compact_Claimed_KeepsTheContent()
    {
        await using IDiskImage image = Open(await NewFileWithDataAsync());
        if (!image.Capabilities.HasFlag(ImageCapabilities.Compact))
        {
            await AssertNotSupportedAsync(() => image.CompactAsync(new CompactOptions()), nameof(ImageCapabilities.Compact));
            return;
        }

        byte[] expected = await Disk(image).ReadAllAsync();
        long before = image.GetFileSize().AllocatedBytes;
        await image.CompactAsync(new CompactOptions());
        AssertSame(expected, await Disk(image).ReadAllAsync(), "after compacting");
        Assert.InRange(image.GetFileSize().AllocatedBytes, 0, before);
    }

    [Fact]
    public async Task Traverse_Claimed_TellsPiecesInsideTheStorage_WithoutOverlap_AndDataWhereMapHasIt()
    {
        await using IDiskImage image = Open(await NewFileWithDataAsync());
        if (!image.Capabilities.HasFlag(ImageCapabilities.Traverse))
        {
            await AssertNotSupportedAsync(async () => await image.TraverseAsync().GetAsyncEnumerator().MoveNextAsync(), nameof(ImageCapabilities.Traverse));
            return;
        }

        // Not flushed: traversing sees what was acknowledged.
        List<MetadataChunk> chunks = [];
        await foreach (MetadataChunk chunk in image.TraverseAsync())
        {
            chunks.Add(chunk);
        }

        long length = image.GetFileSize().LengthBytes;
        Assert.All(chunks, chunk => Assert.True(chunk.StorageOffset >= 0 && chunk.LengthBytes > 0 && chunk.StorageOffset + chunk.LengthBytes <= length, $"{chunk} in {length} bytes"));
        MetadataChunk[] sorted = [.. chunks.OrderBy(chunk => chunk.StorageOffset)];
        Assert.All(sorted.Zip(sorted.Skip(1)), pair => Assert.True(pair.First.StorageOffset + pair.First.LengthBytes <= pair.Second.StorageOffset, $"{pair.First} and {pair.Second} overlap"));
        await AssertDataIsWhereMapSaysAsync(image, [.. chunks.Where(chunk => chunk.Kind == MetadataChunkKind.Data)]);
        long data = chunks.Count(chunk => chunk.Kind == MetadataChunkKind.Data);
        Assert.Equal(CanWrite, data > 0);
    }

    private static async Task AssertDataIsWhereMapSaysAsync(IDiskImage image, MetadataChunk[] data)
    {
        for (long offset = 0; offset < image.VirtualSizeBytes;)
        {
            Extent extent = await image.MapAsync(offset, image.VirtualSizeBytes - offset);
            for (long at = 0; extent is { Kind: ExtentKind.Data, StorageOffset: >= 0 } && at < extent.LengthBytes;)
            {
                MetadataChunk? found = data.Cast<MetadataChunk?>().FirstOrDefault(
                    chunk => chunk is { } c && c.DiskOffset <= offset + at && offset + at < c.DiskOffset + c.LengthBytes && c.DiskOffset - c.StorageOffset == offset - extent.StorageOffset);
                Assert.True(found is not null, $"{extent} at {offset} is in no piece from its byte {at} on");
                at = found.Value.DiskOffset + found.Value.LengthBytes - offset;
            }

            if (!extent.IsAllocated)
            {
                Assert.DoesNotContain(data, chunk => chunk.DiskOffset >= 0 && chunk.DiskOffset < offset + extent.LengthBytes && chunk.DiskOffset + chunk.LengthBytes > offset);
            }

            offset += extent.LengthBytes;
        }
    }

    [Fact]
    public async Task Identity_Claimed_IsStored()
    {
        SimulatedFile file = NewFile();
        var identity = new ImageIdentity { ImageId = Guid.NewGuid(), Comment = "a comment" };
        using (IDiskImage image = Open(file))
        {
            if (!image.Capabilities.HasFlag(ImageCapabilities.Identity))
            {
                Assert.Null(image.Identity);
                Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => image.Identity = identity).Kind);
                return;
            }

            image.Identity = identity;
            image.Close();
        }

        await using IDiskImage again = Open(file);
        Assert.Equal(identity.ImageId, again.Identity?.ImageId);
    }

    [Fact]
    public async Task Check_Claimed_FindsASoundImageClean_AndChangesNothing()
    {
        SimulatedFile file = await NewFileWithDataAsync();
        string hash = file.ComputeHash();
        await using SimulatedStorage storage = file.Open();
        if (!Backend.Info.Capabilities.HasFlag(ImageCapabilities.Check))
        {
            await AssertNotSupportedAsync(async () => await Backend.CheckAsync(storage, new CheckOptions()), nameof(ImageCapabilities.Check));
            return;
        }

        List<CheckFinding> told = [];
        CheckReport report = await Backend.CheckAsync(storage, new CheckOptions { OnFinding = told.Add });
        Assert.True(report.IsClean && report.IsSound && !report.NeedsCheck, string.Join('\n', report.Findings));
        Assert.Equal(told.Count, report.Findings.Count);
        Assert.Equal(CanWrite, report.AllocatedClusters > 0);
        Assert.Equal(hash, file.ComputeHash());
        Assert.False(storage.IsDisposed);
    }

    [Fact]
    public void Geometry_IsNotSetUntilItIs_AndIsKeptForTheSession()
    {
        using IDiskImage image = Open(NewFile());
        Assert.Null(image.PhysicalGeometry);
        Assert.Null(image.LogicalGeometry);
        try
        {
            image.LogicalGeometry = new DiskGeometry(10, 16, 63);
            Assert.Equal(new DiskGeometry(10, 16, 63), image.LogicalGeometry);
        }
        catch (ImageException refusal)
        {
            Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
        }
    }

    [Fact]
    public void Dump_SaysSomething_ForPeople()
    {
        using IDiskImage image = Open(NewFile());
        var text = new StringWriter();
        image.Dump(text);
        Assert.False(string.IsNullOrWhiteSpace(text.ToString()));
        Assert.DoesNotContain(text.ToString(), character => char.IsControl(character) && character is not ('\n' or '\r' or '\t'));
    }
}
