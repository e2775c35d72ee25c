using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Probing, opening, closing.</content>
public abstract partial class BackendConformance
{
    [Fact]
    public void Probe_KnowsItsOwnImages()
    {
        SimulatedFile file = NewFile();
        byte[] start = file.ReadBytes(0, Backend.Info.ProbeBytes);
        ProbeResult result = Backend.Probe(new ProbeInput(start, file.LengthBytes));
        Assert.True(result.Confidence > ProbeConfidence.No, result.Reason);
        Assert.False(string.IsNullOrWhiteSpace(result.Reason));
        Assert.Equal(result, Backend.Probe(new ProbeInput(start, file.LengthBytes)));
    }

    [Fact]
    public void Probe_NeverThrows_AndIsNeverSureOfRandomBytes()
    {
        var random = new Random(11);
        byte[] image = NewFile().ReadBytes(0, 4096);
        for (int round = 0; round < 2000; round++)
        {
            byte[] start = new byte[random.Next(600)];
            random.NextBytes(start);
            long length = random.Next(3) switch { 0 => start.Length, 1 => random.NextInt64(), _ => 0 };
            ProbeResult result = Backend.Probe(new ProbeInput(start, length, round % 2 == 0 ? null : "name"));
            Assert.NotEqual(ProbeConfidence.Certain, result.Confidence);

            // A piece of an image, cut anywhere, a few of its bytes changed.
            byte[] damaged = image[..Math.Min(image.Length, random.Next(image.Length + 1))];
            for (int i = 0; i < 3 && damaged.Length > 0; i++)
            {
                damaged[random.Next(Math.Min(damaged.Length, 128))] = (byte)random.Next(256);
            }

            Assert.NotNull(Backend.Probe(new ProbeInput(damaged, damaged.Length)).Reason);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Open_OwnsTheStorage_UntilItsClose(bool isAsync)
    {
        SimulatedFile file = NewFile();
        SimulatedStorage storage = file.Open();
        IDiskImage image = isAsync ? await Backend.OpenAsync(storage, OpenOptionsFor(ImageOpenFlags.None)) : Backend.Open(storage, OpenOptionsFor(ImageOpenFlags.None));
        Assert.False(storage.IsDisposed);
        Assert.Equal(storage.Name, image.Name);
        Assert.Equal(Backend.Info.Id, image.Backend.Id);
        Assert.False(string.IsNullOrWhiteSpace(image.FormatVersion));

        await new ImageIo(isAsync).CloseAsync(image);
        Assert.True(storage.IsDisposed);
        await new ImageIo(isAsync).CloseAsync(image);
        image.Dispose();
        await image.DisposeAsync();
    }

    [Fact]
    public void Open_ThatFails_LeavesTheStorageAlone()
    {
        SimulatedFile sound = NewFile();
        var random = new Random(12);
        byte[] start = sound.ReadBytes(0, 4096);
        for (int round = 0; round < 300; round++)
        {
            // Cut, changed, or something else altogether.
            byte[] content = sound.ReadBytes(0, (int)Math.Min(sound.LengthBytes, 1 << 20));
            switch (round % 3)
            {
                case 0:
                    content = content[..random.Next(Math.Min(content.Length, 5000) + 1)];
                    break;
                case 1:
                    content.AsSpan(random.Next(Math.Min(start.Length, 128)), 1)[0] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    content = new byte[random.Next(5000)];
                    random.NextBytes(content);
                    break;
            }

            foreach (ImageOpenFlags flags in new[] { ImageOpenFlags.ReadOnly, ImageOpenFlags.None })
            {
                var file = new SimulatedFile("damaged", Facts, content);
                string hash = file.ComputeHash();
                SimulatedStorage storage = file.Open();
                try
                {
                    Backend.Open(storage, OpenOptionsFor(flags)).Dispose();
                }
                catch (ImageException failure)
                {
                    Assert.False(storage.IsDisposed, $"round {round}: it disposed the storage and failed: {failure.Message}");
                    Assert.True(file.CountOfChanges() == 0 && file.ComputeHash() == hash, $"round {round}: it changed the storage and failed: {failure.Message}");
                    Assert.DoesNotContain('\n', failure.Message);
                    Assert.Contains("damaged", failure.Message, StringComparison.Ordinal);
                }

                if (flags == ImageOpenFlags.ReadOnly)
                {
                    Assert.Equal(0, file.CountOfChanges());
                }
            }
        }
    }

    [Fact]
    public void Open_OfAStorageThatCannotBeRead_FailsWithTheCause()
    {
        SimulatedFile file = NewFile();
        StorageFault fault = file.Fail(StorageOperationKind.Read, isSticky: true);
        using SimulatedStorage storage = file.Open();
        try
        {
            IDiskImage image = Backend.Open(storage, OpenOptionsFor(ImageOpenFlags.ReadOnly));
            image.Dispose();
            Assert.True(fault.Hits == 0, "it swallowed a failed read");
        }
        catch (ImageException failure)
        {
            Assert.Equal(ImageErrorKind.Io, failure.Kind);
            Assert.False(storage.IsDisposed);
        }
    }

    [Fact]
    public async Task ReadOnly_NeverWrites_AndRefusesEveryChange()
    {
        SimulatedFile file = await NewFileWithDataAsync();
        string hash = file.ComputeHash();
        int changes = file.CountOfChanges();
        foreach (ImageOpenFlags flags in new[] { ImageOpenFlags.ReadOnly, ImageOpenFlags.Info })
        {
            // The storage would let it write: that it does not is the backend's own doing.
            IDiskImage image = Backend.Open(file.Open(), OpenOptionsFor(flags));
            Assert.True(image.IsReadOnly);
            Assert.False(image.Capabilities.HasFlag(ImageCapabilities.Write));
            if (flags == ImageOpenFlags.ReadOnly)
            {
                await Disk(image).ReadAllAsync();
            }

            image.Dump(TextWriter.Null);
            image.GetFileSize();
            image.Flush();
            byte[] data = new byte[Units(image, 1)];
            Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, data)).Kind);
            Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.WriteZeroes(0, data.Length)).Kind);
            Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Discard(0, data.Length)).Kind);
            Assert.Equal(ImageErrorKind.ReadOnly, (await RefusalAsync(async () => await image.WriteAsync(0, data))).Kind);
            image.SetBeneath(Beneath.Nothing);
            image.Close();
        }

        Assert.Equal(changes, file.CountOfChanges());
        Assert.Equal(hash, file.ComputeHash());
    }

    [Fact]
    public async Task Reopen_FindsSizeAndContent()
    {
        byte[] expected;
        SimulatedFile file = NewFile();
        long size;
        using (IDiskImage image = Open(file))
        {
            size = image.VirtualSizeBytes;
            expected = new byte[size];
            if (CanWrite)
            {
                expected = Pattern(1, size);
                await Disk(image).WriteAsync(0, expected);
            }

            image.Close();
        }

        using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
        Assert.Equal(size, again.VirtualSizeBytes);
        AssertSame(expected, await Disk(again).ReadAllAsync(), "after reopening");
    }

    [Fact]
    public async Task Close_ReportsWhatCouldNotBeSaved_AndDisposalDoesNotThrow()
    {
        if (!CanWrite || Mode == ConsistencyMode.Unsafe)
        {
            return;
        }

        foreach (bool isAsync in new[] { false, true })
        {
            SimulatedFile file = NewFile();
            IDiskImage image = Open(file);
            await Disk(image, isAsync).WriteAsync(0, Pattern(1, Units(image, 8)));
            file.Fail(StorageOperationKind.Barrier, isSticky: true);
            await RefusalAsync(() => new ImageIo(isAsync).CloseAsync(image));
            Assert.Equal(0, file.OpenHandles);
            image.Dispose();

            SimulatedFile other = NewFile();
            IDiskImage disposed = Open(other);
            await Disk(disposed, isAsync).WriteAsync(0, Pattern(1, Units(disposed, 8)));
            other.Fail(StorageOperationKind.Barrier, isSticky: true);
            if (isAsync)
            {
                await disposed.DisposeAsync();
            }
            else
            {
                disposed.Dispose();
            }

            Assert.Equal(0, other.OpenHandles);
        }
    }

    private async Task<SimulatedFile> NewFileWithDataAsync(bool withParent = false)
    {
        SimulatedFile file = NewFile(withParent);
        if (CanWrite)
        {
            using IDiskImage image = Open(file);
            long block = Math.Max(image.Limits.BlockBytes, Units(image, 1));
            await Disk(image).WriteAsync(0, Pattern(3, Math.Min(block, image.VirtualSizeBytes)));
            if (image.VirtualSizeBytes > 6 * block)
            {
                await Disk(image).WriteAsync(3 * block, Pattern(4, 2 * block));
            }

            image.Close();
        }

        return file;
    }
}
