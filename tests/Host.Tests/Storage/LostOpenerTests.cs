using System.Runtime.CompilerServices;

namespace QedVd.Host.Tests.Storage;

/// <summary>An opener that was lost without having been closed: once the runtime has closed its file, the number of that is a new file's.</summary>
public sealed class LostOpenerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_OfAFileWhoseOpenerIsLost_MeetsNobody()
    {
        string path = _folder.Create("file", 512);
        Lose(path);
        GC.Collect();
        GC.WaitForPendingFinalizers();

        using var storage = FileStorage.Open(path);
        storage.Write(0, new byte[512]);
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileStorage.Open(path)).Kind);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lose(string path) => FileStorage.Open(path).Write(0, new byte[512]);
}
