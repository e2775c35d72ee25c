using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Faults;

/// <summary>Files of an open chain that lose their names, or find other files under them.</summary>
public sealed class FilesThatGoTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FilesOfAnOpenDisk_ThatAreMovedOrDeletedOrReplaced_AreStillTheOnesThatItUses(bool isReplaced)
    {
        string parent = _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, "base.raw", "raw");
        byte[] foreign = new byte[5000];
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            File.Copy(parent, _test["kept.raw"]);
            File.Delete(parent);
            File.Move(top, _test["moved.qed"]);
            if (isReplaced)
            {
                File.WriteAllBytes(parent, foreign);
                File.WriteAllBytes(top, foreign);
            }

            disk.Write(100, [1]);
            disk.Flush();
            byte[] now = new byte[200_000];
            disk.Read(0, now);
            Assert.Equal((7, 1, 7, 7), (now[99], now[100], now[101], now[^1]));
            disk.Close();
        }

        Assert.Equal(isReplaced, File.Exists(top));
        Assert.True(!isReplaced || (File.ReadAllBytes(top).AsSpan().SequenceEqual(foreign) && File.ReadAllBytes(parent).AsSpan().SequenceEqual(foreign)));
        File.Move(_test["kept.raw"], parent, overwrite: true);
        using VirtualDisk again = _test.Host.OpenDisk(_test["moved.qed"]);
        byte[] kept = new byte[102];
        again.Read(0, kept);
        Assert.Equal((7, 1, 7), (kept[99], kept[100], kept[101]));
    }
}
