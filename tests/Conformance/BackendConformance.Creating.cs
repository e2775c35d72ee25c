using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>What a backend says of itself; creating.</content>
public abstract partial class BackendConformance
{
    private bool CanCreate => (Backend.Info.Capabilities & (ImageCapabilities.CreateDynamic | ImageCapabilities.CreateFixed)) != 0;

    [Fact]
    public void Info_IsComplete_AndConstant()
    {
        BackendInfo info = Backend.Info;
        Assert.Matches("^[a-z][a-z0-9_.-]*$", info.Id);
        Assert.False(string.IsNullOrWhiteSpace(info.DisplayName));
        Assert.InRange(info.ProbeBytes, 0, 1 << 20);
        Assert.All(info.FileExtensions, extension => Assert.StartsWith(".", extension, StringComparison.Ordinal));
        Assert.All(info.Options, option => Assert.False(string.IsNullOrWhiteSpace(option.Name) || string.IsNullOrWhiteSpace(option.Description)));
        Assert.Equal(info.Options.Count, info.Options.Select(option => option.Name).Distinct().Count());
        Assert.Equal(info.Options.Count > 0, info.Capabilities.HasFlag(ImageCapabilities.Options));
        Assert.Equal(info.Id, CreateBackend().Info.Id);
        Assert.Equal(info.Capabilities, CreateBackend().Info.Capabilities);
    }

    [Fact]
    public void Create_IsDurable_AndLeavesTheStorageToTheCaller()
    {
        if (!CanCreate)
        {
            return;
        }

        var file = new SimulatedFile("conformance", Facts);
        using SimulatedStorage storage = file.Open();
        Backend.Create(storage, CreateOptionsFor(DiskBytes, parent: null));

        Assert.False(storage.IsDisposed);
        StorageOperation? open = file.Trace.LastOrDefault(operation => operation.IsChange && operation.Index >= file.DurableCount);
        Assert.True(open is null, $"{open} has no barrier behind it");
    }

    [Fact]
    public async Task Create_BothForms_MakeTheSameImage()
    {
        if (!CanCreate)
        {
            using var storage = new SimulatedStorage();
            await AssertNotSupportedAsync(() => Backend.CreateAsync(storage, CreateOptionsFor(DiskBytes, parent: null)), "creating");
            return;
        }

        SimulatedFile file = NewFile();
        var other = new SimulatedFile("conformance", Facts) { CompletesInline = false };
        await using (SimulatedStorage storage = other.Open())
        {
            await Backend.CreateAsync(storage, CreateOptionsFor(DiskBytes, parent: null));
        }

        using IDiskImage one = Open(file);
        using IDiskImage two = Open(other);
        Assert.Equal(one.VirtualSizeBytes, two.VirtualSizeBytes);
        Assert.Equal(one.Limits, two.Limits);
        Assert.Equal(file.LengthBytes, other.LengthBytes);
    }

    [Fact]
    public void Create_MakesADiskOfTheSizeAskedFor_RoundedUpAtMost()
    {
        using IDiskImage image = Open(NewFile());
        Assert.InRange(image.VirtualSizeBytes, DiskBytes, DiskBytes + Math.Max(512, image.Limits.BlockBytes));
    }

    [Fact]
    public async Task Create_MakesADiskThatReadsZero()
    {
        using IDiskImage image = Open(NewFile());
        byte[] content = await Disk(image).ReadAllAsync();
        Assert.Equal(-1, content.AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Create_WithAnUnknownOption_IsRefused()
    {
        if (!CanCreate)
        {
            return;
        }

        using var storage = new SimulatedStorage();
        ImageCreateOptions options = CreateOptionsFor(DiskBytes, parent: null);
        options = options with { FormatOptions = new Dictionary<string, string>(options.FormatOptions) { ["no_such_option"] = "1" } };
        ImageException refusal = Assert.Throws<ImageException>(() => Backend.Create(storage, options));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains("no_such_option", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, storage.File.CountOfChanges());
    }

    [Fact]
    public void Create_WithTheDefaultOfEveryOption_Works()
    {
        if (!CanCreate)
        {
            return;
        }

        var file = new SimulatedFile("conformance", Facts);
        using (SimulatedStorage storage = file.Open())
        {
            Dictionary<string, string> defaults = Backend.Info.Options
                .Where(option => option.DefaultValue is not null && option.IsCreateOnly)
                .ToDictionary(option => option.Name, option => option.DefaultValue!);
            Backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = DiskBytes, FormatOptions = defaults });
        }

        using IDiskImage image = Open(file);
        Assert.True(image.VirtualSizeBytes >= DiskBytes);
    }

    [Fact]
    public void Create_WithANegativeSize_IsRefused()
    {
        if (!CanCreate)
        {
            return;
        }

        using var storage = new SimulatedStorage();
        ImageException refusal = Assert.Throws<ImageException>(() => Backend.Create(storage, CreateOptionsFor(-512, parent: null)));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Equal(0, storage.File.CountOfChanges());
    }

    [Fact]
    public void Create_WithAParent_StoresItsName_OrSaysThatItCannot()
    {
        if (!CanCreate)
        {
            return;
        }

        if (!CanHaveParent)
        {
            using var storage = new SimulatedStorage();
            Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => Backend.Create(storage, CreateOptionsFor(DiskBytes, new ParentReference("parent")))).Kind);
            return;
        }

        foreach (ParentReference parent in new[] { new ParentReference("parent"), new ParentReference("ündér the/roof.img", ParentReference.Raw) })
        {
            using IDiskImage image = Open(CreateFile(DiskBytes, parent), ImageOpenFlags.ReadOnly);
            Assert.Equal(parent.Name, image.Parent?.Name);
            Assert.Equal(parent.IsRaw, image.Parent!.IsRaw);
            Assert.True(image.Flags.HasFlag(ImageFlags.Differencing));
        }
    }

    [Fact]
    public void Image_WithoutAParent_SaysSo()
    {
        using IDiskImage image = Open(NewFile(), ImageOpenFlags.ReadOnly);
        Assert.Null(image.Parent);
        Assert.False(image.Flags.HasFlag(ImageFlags.Differencing));
    }
}
