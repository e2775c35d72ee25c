using System.Net.Sockets;
using System.Text;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>
/// Where a case lives: <c>in</c> holds its images and is where parents may lie; <c>out</c> takes what a verb makes; <c>outside</c> holds what no image
/// may lead to.
/// </summary>
internal sealed class CaseFolder : IDisposable
{
    /// <summary>What stands in the files outside; it must never be read, and so never be printed.</summary>
    public const string Secret = "SECRET-OF-THE-HOST";

    private readonly string _root;

    /// <param name="inMemory">For many small runs: in memory, where barriers cost nothing.</param>
    public CaseFolder(bool inMemory)
    {
        _root = inMemory && ChainBench.InMemory is { } memory
            ? Directory.CreateDirectory(Path.Combine(memory, $"qedvd-hostile-{Guid.NewGuid():N}")).FullName
            : Directory.CreateTempSubdirectory("qedvd-hostile-").FullName;
        Directory.CreateDirectory(In);
        Directory.CreateDirectory(Out);
        Directory.CreateDirectory(Outside);
        Directory.CreateDirectory(Path.GetDirectoryName(Sound)!);
        File.WriteAllText(Path.Combine(Outside, "secret.raw"), string.Concat(Enumerable.Repeat(Secret + "\n", 1000)));
        new QedImageBytes().SetLength(12288).File.SaveTo(Path.Combine(Outside, "secret.qed"));
        File.WriteAllText(WriteInput, new string('w', 512));
        new QedImageBytes().File.SaveTo(Sound);
    }

    /// <summary>All of it lies below.</summary>
    public string Root => _root;

    public string In => Path.Combine(_root, "in");

    public string Out => Path.Combine(_root, "out");

    public string Outside => Path.Combine(_root, "outside");

    /// <summary>The file that verbs are given unless a case has another.</summary>
    public string Image => this["a.qed"];

    /// <summary>An image that nothing is wrong with, of 1 MiB, empty.</summary>
    public string Sound => Path.Combine(_root, "sound", "sound.qed");

    /// <summary>What is written where a verb writes.</summary>
    public string WriteInput => Path.Combine(_root, "input");

    /// <summary>A path in <see cref="In"/>.</summary>
    public string this[string name] => Path.Combine(In, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>Removes what a case, or a verb, has left.</summary>
    public void Clear()
    {
        Renew(In);
        ClearOut();
    }

    /// <summary>Removes what a verb has made.</summary>
    public void ClearOut()
    {
        if (Directory.EnumerateFileSystemEntries(Out).Any())
        {
            Renew(Out);
        }
    }

    public void Save(string name, QedImageBytes image) => image.File.SaveTo(this[name]);

    public void Save(string name, params byte[] bytes) => File.WriteAllBytes(this[name], bytes);

    /// <summary>A sound image of 1 MiB with three clusters of data.</summary>
    public void SaveUsual(string name) => Save(name, Usual());

    /// <summary>An overlay of 1 MiB over what a name says.</summary>
    public void SaveOver(string name, string parent, bool isRaw = false) => Save(name, Over(parent, isRaw));

    /// <summary>
    /// Clusters of 4 KiB, tables of two: the header in cluster 0, L1 in 1 and 2, a table in 3 and 4, data in 5, 6 and 7 for the first three clusters of a
    /// disk of 1 MiB.
    /// </summary>
    public static QedImageBytes Usual() => new QedImageBytes().AddUsualTable().Fill(5, 0x55).Fill(6, 0x66).Fill(7, 0x77);

    /// <summary>The same, of any geometry, without tables behind L1.</summary>
    public static QedImageBytes Of(uint clusterBytes, uint tableClusters, ulong diskBytes) =>
        new(new QedHeaderBytes { ClusterSize = clusterBytes, TableSize = tableClusters, L1Offset = clusterBytes, ImageSize = diskBytes });

    public static QedImageBytes Over(string parent, bool isRaw = false) => Over(Encoding.UTF8.GetBytes(parent), isRaw);

    /// <summary>An overlay with room for any name: its clusters have 8 KiB.</summary>
    public static QedImageBytes Over(byte[] parent, bool isRaw = false) => Of(8192, 2, 1 << 20).SetParent(parent, isRaw);

    private static void Renew(string folder)
    {
        Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
    }

    public void MakeFifo(string name) => Run("mkfifo", this[name]);

    public void MakeSocket(string name)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(this["bound"]));
        // Closing takes the file away, under the name that was bound.
        File.Move(this["bound"], this[name]);
    }

    /// <summary>
    /// A block device that is not there (60 is a number for experiments): who looks what it is before he opens it sees a block device, and who opens it has nothing
    /// to wait for. Only root may make one; for others it is a link to one of the system's, which they may not open.
    /// </summary>
    public void MakeBlockDevice(string name)
    {
        if (Environment.IsPrivilegedProcess)
        {
            Run("mknod", this[name], "b", "60", "255");
        }
        else
        {
            string? device = Directory.EnumerateFileSystemEntries("/sys/class/block").Select(path => Path.Combine("/dev", Path.GetFileName(path))).FirstOrDefault(File.Exists);
            File.CreateSymbolicLink(this[name], device ?? "/dev/full");
        }
    }

    /// <summary>Runs a small tool of the system.</summary>
    public static void Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
