namespace QedVd.Host.Tests.Storage;

/// <summary>A path below a root does not leave it: in the kernel's form, in our walk, and in the portable one.</summary>
public sealed class BeneathTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public BeneathTests()
    {
        Directory.CreateDirectory(_folder["root/a/b"]);
        _folder.Create("outside", 3);
        _folder.Create("root/top", 1);
        _folder.Create("root/a/middle", 2);
        _folder.Create("root/a/b/deep", 4);
        File.CreateSymbolicLink(_folder["root/a/up"], "../top");
        File.CreateSymbolicLink(_folder["root/a/around"], "../a/./b/../b//deep");
        File.CreateSymbolicLink(_folder["root/folder"], "a/b");
        File.CreateSymbolicLink(_folder["root/chain"], "folder/../up");
        File.CreateSymbolicLink(_folder["root/absolute"], _folder["root/top"]);
        File.CreateSymbolicLink(_folder["root/escape"], "a/../../outside");
        File.CreateSymbolicLink(_folder["root/out"], "..");
        File.CreateSymbolicLink(_folder["root/slash"], "/");
        File.CreateSymbolicLink(_folder["root/loop"], "a/../loop");
        File.CreateSymbolicLink(_folder["by-link"], "root");
    }

    public enum Way
    {
        Kernel,
        Walk,
        Portable,
    }

    public static TheoryData<Way> Ways => [Way.Kernel, Way.Walk, Way.Portable];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Ways))]
    public void Inside_IsOpened(Way way)
    {
        Assert.Equal(1, LengthOf(way, "top"));
        Assert.Equal(4, LengthOf(way, "a/b/deep"));
        Assert.Equal(4, LengthOf(way, "./a//b/./deep"));
        Assert.Equal(2, LengthOf(way, "a/b/../middle"));
        Assert.Equal(1, LengthOf(way, "a/up"));
        Assert.Equal(4, LengthOf(way, "a/around"));
        Assert.Equal(4, LengthOf(way, "folder/deep"));
        Assert.Equal(2, LengthOf(way, _folder["root/a/middle"]));
    }

    [Theory, MemberData(nameof(Ways))]
    public void ParentOfALinkedFolder_IsWhereTheLinkLeads(Way way)
    {
        // folder -> a/b, so folder/.. is a, and a/up -> ../top.
        Assert.Equal(1, LengthOf(way, "chain"));
        Assert.Equal(2, LengthOf(way, "folder/../middle"));
    }

    [Theory, MemberData(nameof(Ways))]
    public void RootItself_MayBeReachedOverALink(Way way)
    {
        Assert.Equal(4, LengthOf(way, "a/b/deep", _folder["by-link"]));
        Assert.Equal(4, LengthOf(way, _folder["by-link/a/b/deep"], _folder["by-link"]));
    }

    [Theory, MemberData(nameof(Ways))]
    public void Outside_IsRefusedByPolicy(Way way)
    {
        foreach (string path in (string[])["../outside", "a/../../outside", "absolute", "escape", "out/outside", "slash/etc/hostname", "a/b/../../../outside", _folder["outside"], "/etc/hostname"])
        {
            ImageException error = Assert.Throws<ImageException>(() => LengthOf(way, path));
            Assert.True(error.Kind == ImageErrorKind.RefusedByPolicy, $"{path}: {error.Kind} {error.Message}");
            Assert.Contains(_folder["root"], error.Message, StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Ways))]
    public void Inside_ButNotThere_OrNoFile_SaysWhat(Way way)
    {
        Assert.Equal(ImageErrorKind.NotFound, KindOf(way, "missing"));
        Assert.Equal(ImageErrorKind.NotFound, KindOf(way, "a/missing/x"));
        Assert.Equal(ImageErrorKind.NotFound, KindOf(way, "top/x"));
        Assert.Equal(ImageErrorKind.RefusedByPolicy, KindOf(way, "loop"));
        Assert.Equal(ImageErrorKind.RefusedByPolicy, KindOf(way, "a"));
        Assert.Equal(ImageErrorKind.RefusedByPolicy, KindOf(way, "a/b/.."));
        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => LengthOf(way, "x", _folder["no-root"])).Kind);
    }

    [Theory]
    [InlineData(Way.Kernel)]
    [InlineData(Way.Walk)]
    public void MagicLink_IsRefused(Way way)
    {
        // A link of /proc leads to the open file whatever its text says.
        string path = _folder["root/top"];
        using FileStream open = File.OpenRead(path);
        string link = $"self/fd/{open.SafeFileHandle.DangerousGetHandle()}";
        Assert.Equal(path, new FileInfo($"/proc/{link}").LinkTarget);

        Assert.Equal(ImageErrorKind.RefusedByPolicy, Assert.Throws<ImageException>(() => LengthOf(way, link, "/proc")).Kind);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, Assert.Throws<ImageException>(() => LengthOf(way, Path.Combine("self", "root", "etc", "hostname"), "/proc")).Kind);
    }

    [Theory]
    [InlineData(Way.Kernel)]
    [InlineData(Way.Walk)]
    public async Task FolderSwappedForALinkMeanwhile_NeverLeadsOut(Way way)
    {
        const uint Exchange = 2;
        Directory.CreateDirectory(_folder["root/swap"]);
        _folder.Create("root/swap/target", 7);
        Directory.CreateDirectory(_folder["secret"]);
        _folder.Create("secret/target", 9);
        File.CreateSymbolicLink(_folder["root/other"], "../secret");
        using var stop = new CancellationTokenSource();
        Task swapping = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Assert.Equal(0, LinuxNative.RenameAt2(LinuxNative.AT_FDCWD, _folder["root/swap"], LinuxNative.AT_FDCWD, _folder["root/other"], Exchange));
            }
        });

        int opened = 0;
        int refused = 0;
        try
        {
            // Until both have been met, however busy the machine is.
            for (int i = 0; i < 3000 || ((opened == 0 || refused == 0) && i < 1_000_000); i++)
            {
                try
                {
                    Assert.Equal(7, LengthOf(way, "swap/target"));
                    opened++;
                }
                catch (ImageException exception)
                {
                    Assert.Contains(exception.Kind, (ImageErrorKind[])[ImageErrorKind.RefusedByPolicy, ImageErrorKind.InUse]);
                    refused++;
                }
            }
        }
        finally
        {
            await stop.CancelAsync();
            await swapping;
        }

        Assert.True(opened > 0 && refused > 0, $"{opened} opened, {refused} refused.");
    }

    private ImageErrorKind KindOf(Way way, string path) => Assert.Throws<ImageException>(() => LengthOf(way, path)).Kind;

    private long LengthOf(Way way, string path, string? root = null)
    {
        var options = new FileStorageOptions
        {
            ReadOnly = true,
            BeneathRoot = root ?? _folder["root"],
            WalkBeneath = way == Way.Walk,
            UsePortableForm = way == Way.Portable,
        };
        using var storage = FileStorage.Open(path, options);
        return storage.GetLength();
    }
}
