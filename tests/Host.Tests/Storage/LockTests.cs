using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>QEMU's locks, held against QEMU's own tools and by them against us, and inside this process.</summary>
public sealed partial class LockTests : IDisposable
{
    private const string InUse = "Failed to get";

    private readonly TempFolder _folder = new();

    public static TheoryData<bool> Forms => [false, true];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ReadWrite_KeepsQemuOut_ExceptWhoAsksForNothing()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path);
        Assert.True(storage.Facts.HasFlag(StorageFacts.HasImageLocks));
        Assert.Null(storage.LockWarning);

        await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
        await ShouldBeKeptOut("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
        await ShouldBeKeptOut("qemu-img", "info", path);
        await ShouldBeKeptOut("qemu-img", "check", "-f", "qed", path);
        await ShouldBeKeptOut("qemu-img", "create", "-f", "qed", path, "1M");
        await ShouldBeKeptOut("qemu-img", "convert", "-O", "raw", path, _folder["copy"]);
        await ShouldWork("qemu-img", "info", "-U", path);
        await ShouldWork("qemu-io", "-r", "-U", "-f", "qed", "-c", "read 0 512", path);
    }

    [Fact]
    public async Task Read_LetsQemuRead_ButNotWrite()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });

        await ShouldWork("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
        await ShouldWork("qemu-img", "info", path);
        await ShouldWork("qemu-img", "check", "-f", "qed", path);
        await ShouldWork("qemu-img", "create", "-f", "qed", "-b", path, "-F", "qed", _folder["overlay"]);
        await ShouldWork("qemu-io", "-f", "qed", "-c", "write 0 512", _folder["overlay"]);
        await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
        await ShouldBeKeptOut("qemu-img", "create", "-f", "qed", path, "1M");
        await ShouldBeKeptOut("qemu-img", "resize", "-f", "qed", path, "8M");
    }

    [Fact]
    public async Task Info_LetsQemuRead_ButNotWrite()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.Info });

        await ShouldWork("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
        await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
    }

    [Fact]
    public async Task None_KeepsNobodyOut()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });

        Assert.False(storage.Facts.HasFlag(StorageFacts.HasImageLocks));
        await ShouldWork("qemu-io", "-f", "qed", "-c", "write 0 512", path);
        await ShouldWork("qemu-img", "create", "-f", "qed", path, "1M");
    }

    [Fact]
    public async Task QemuWriting_KeepsUsOut_ExceptWithoutLocks()
    {
        string path = await NewImageAsync();
        using QemuIo qemu = await QemuIo.OpenAsync(path, readOnly: false);

        ShouldBeInUse(path, new FileStorageOptions(), "another process", "write");
        ShouldBeInUse(path, new FileStorageOptions { ReadOnly = true }, "another process", "write");
        ShouldBeInUse(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.Info }, "another process", "write");
        FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None }).Dispose();
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => PendingFile.Create(path, new PendingFileOptions { Overwrite = true })).Kind);
    }

    [Fact]
    public async Task QemuReading_LetsUsRead_ButNotWrite()
    {
        string path = await NewImageAsync();
        using QemuIo qemu = await QemuIo.OpenAsync(path, readOnly: true);

        FileStorage.Open(path, new FileStorageOptions { ReadOnly = true }).Dispose();
        FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.Info }).Dispose();
        ShouldBeInUse(path, new FileStorageOptions(), "another process", "write");
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => PendingFile.Create(path, new PendingFileOptions { Overwrite = true })).Kind);
    }

    [Fact]
    public void ClosedFile_WhoseHandleIsInAProcessThatIsBeingStarted_IsNotInUse()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "QEMU's locks are Linux's.");
        string path = _folder["image"];
        File.WriteAllBytes(path, new byte[4096]);
        int copy;
        using (FileStorage.Open(path))
        {
            // What fork does with every handle.
            string handle = Directory.GetFiles("/proc/self/fd").Single(handle => TargetOf(handle) == path);
            copy = Dup(int.Parse(Path.GetFileName(handle), CultureInfo.InvariantCulture));
            Assert.True(copy >= 0);
        }

        using var stillOpen = new SafeFileHandle(copy, ownsHandle: true);
        using var again = FileStorage.Open(path);
        Assert.False(again.IsReadOnly);
    }

    // Other tests close theirs meanwhile.
    private static string? TargetOf(string handle)
    {
        try
        {
            return File.ResolveLinkTarget(handle, returnFinalTarget: false)?.FullName;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    [Fact]
    public async Task KilledHolders_LeaveNothingBehind()
    {
        string path = await NewImageAsync();
        using (QemuIo qemu = await QemuIo.OpenAsync(path, readOnly: false))
        {
            ShouldBeInUse(path, new FileStorageOptions(), "another process", "write");
            await qemu.KillAsync();
        }

        FileStorage.Open(path).Dispose();
        using (Process holder = StorageHelper.Start("hold", path))
        {
            Assert.Equal("held", await holder.StandardOutput.ReadLineAsync());
            ShouldBeInUse(path, new FileStorageOptions(), "another process", "write");
            await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
            holder.Kill();
            await holder.WaitForExitAsync();
        }

        FileStorage.Open(path).Dispose();
        await ShouldWork("qemu-io", "-f", "qed", "-c", "write 0 512", path);
    }

    [Fact]
    public async Task Racers_NeverBothGetIn_AndAreNotKeptOutForEver()
    {
        string path = _folder.Create("file", 4096);

        string[][] runs = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StorageHelper.RunAsync("race", path)));

        int[][] counts = [.. runs.Select(run => run.Single().Split(' ').Select(int.Parse).ToArray())];
        Assert.True(counts.Sum(count => count[0]) > 0, "Nobody ever got in.");
        Assert.Equal(0, counts.Sum(count => count[1]));
    }

    [Theory, MemberData(nameof(Forms))]
    public void OneProcess_HasTheSameRules_AndSaysThatItIsTheHolder(bool portable)
    {
        string path = _folder.Create("file", 100);
        var readOnly = new FileStorageOptions { ReadOnly = true, UsePortableForm = portable };
        var readWrite = new FileStorageOptions { UsePortableForm = portable };
        using (FileStorage.Open(path, readWrite))
        {
            ShouldBeInUse(path, readWrite, "this process", "write");
            ShouldBeInUse(path, readOnly, "this process", "write");
            ShouldBeInUse(path, readOnly with { Lock = ImageLockMode.Info }, "this process", "write");
        }

        using (FileStorage.Open(path, readOnly))
        using (FileStorage.Open(path, readOnly))
        using (FileStorage.Open(path, readOnly with { Lock = ImageLockMode.Info }))
        using (FileStorage.Open(path, readOnly with { Lock = ImageLockMode.None }))
        {
            ShouldBeInUse(path, readWrite, "this process", "write");
        }

        FileStorage.Open(path, readWrite).Dispose();
    }

    [Fact]
    public void OneProcess_OverAnotherName_IsTheSameFile()
    {
        string path = _folder.Create("file", 100);
        File.CreateSymbolicLink(_folder["link"], path);
        using var storage = FileStorage.Open(path);

        ShouldBeInUse(_folder["link"], new FileStorageOptions(), "this process", "write");
    }

    [Fact]
    public void WithoutSystemLocks_TheProcessStillKeepsItsOwnOut()
    {
        string path = _folder.Create("file", 100);
        var options = new FileStorageOptions { DisabledFacts = StorageFacts.HasImageLocks };
        using var storage = FileStorage.Open(path, options);

        Assert.False(storage.Facts.HasFlag(StorageFacts.HasImageLocks));
        ShouldBeInUse(path, options, "this process", "write");
    }

    [Fact]
    public async Task FileSystemWithoutByteLocks_IsOpenedWithAWarning()
    {
        string path = _folder.Create("file", 100);

        string[] lines = await StorageHelper.RunAsync(
            "warning", path, Peers.Require("strace"), "-f", "-o", "/dev/null", "-e", "trace=fcntl", "-P", path, "-e", "inject=fcntl:error=EINVAL");

        Assert.Equal("False", lines[0]);
        Assert.Contains("not kept out", lines[1], StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Forms))]
    public void ChangeAccess_ToReadOnlyAndBack_MovesAccessAndLocks(bool portable)
    {
        string path = _folder.Create("file", 100);
        var readOnly = new FileStorageOptions { ReadOnly = true, UsePortableForm = portable };
        using var storage = FileStorage.Open(path, new FileStorageOptions { UsePortableForm = portable });
        storage.Write(0, "one"u8);

        storage.ChangeAccess(readOnly: true);

        Assert.True(storage.IsReadOnly);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => storage.Write(0, "x"u8)).Kind);
        byte[] back = new byte[3];
        using (var reader = FileStorage.Open(path, readOnly))
        {
            Assert.Equal(3, reader.Read(0, back));
            Assert.Equal("one"u8, back);

            // Somebody reads: no way back, and nothing is changed by having tried.
            ImageException inUse = Assert.Throws<ImageException>(() => storage.ChangeAccess(readOnly: false));
            Assert.Equal(ImageErrorKind.InUse, inUse.Kind);
            Assert.True(storage.IsReadOnly);
            Assert.Equal(3, storage.Read(0, back));
        }

        storage.ChangeAccess(readOnly: false);
        storage.Write(0, "two"u8);
        storage.Barrier();
        Assert.Equal(3, storage.Read(0, back));
        Assert.Equal("two"u8, back);
        ShouldBeInUse(path, readOnly, "this process", "write");
    }

    /// <summary>For a file that may not be written too: a handle for reading is enough.</summary>
    [Fact]
    public async Task HoldAlone_MeetsWhoReadsTheFile_KeepsOthersOut_AndOpensNothingForWriting()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
        File.SetAttributes(path, FileAttributes.ReadOnly);
        using (QemuIo qemu = await QemuIo.OpenAsync(path, readOnly: true))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(storage.HoldAlone).Kind);
        }

        using (FileStorage.Open(path, new FileStorageOptions { ReadOnly = true }))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(storage.HoldAlone).Kind);
        }

        // As before: others may read, nobody may write.
        await ShouldWork("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
        await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);

        storage.HoldAlone();

        await ShouldBeKeptOut("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
        ShouldBeInUse(path, new FileStorageOptions { ReadOnly = true }, "this process", "write");
        Assert.True(storage.IsReadOnly);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => storage.Write(0, "x"u8)).Kind);
    }

    [Fact]
    public async Task ChangeAccess_IsSeenByQemu_AndMeetsIt()
    {
        string path = await NewImageAsync();
        using var storage = FileStorage.Open(path);
        storage.ChangeAccess(readOnly: true);
        await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
        using (QemuIo qemu = await QemuIo.OpenAsync(path, readOnly: true))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => storage.ChangeAccess(readOnly: false)).Kind);
            await ShouldBeKeptOut("qemu-io", "-f", "qed", "-c", "read 0 512", path);
        }

        storage.ChangeAccess(readOnly: false);
        await ShouldBeKeptOut("qemu-io", "-r", "-f", "qed", "-c", "read 0 512", path);
    }

    [Fact]
    public async Task ChangeAccess_OfARenamedFile_StaysWithTheFile()
    {
        string path = _folder.Create("file", 100);
        using var storage = FileStorage.Open(path);
        storage.Write(0, "mine"u8);
        File.Move(path, _folder["moved"]);
        await File.WriteAllTextAsync(path, "another file");

        storage.ChangeAccess(readOnly: true);
        storage.ChangeAccess(readOnly: false);
        storage.Write(4, "!"u8);

        Assert.StartsWith("mine!", await File.ReadAllTextAsync(_folder["moved"]), StringComparison.Ordinal);
        Assert.Equal("another file", await File.ReadAllTextAsync(path));
    }

    [Theory, MemberData(nameof(Forms))]
    public async Task ChangeAccess_WhileOthersRead_DisturbsNoRead(bool portable)
    {
        string path = _folder.Create("file", 1 << 20);
        using var storage = FileStorage.Open(path, new FileStorageOptions { UsePortableForm = portable });
        byte[] data = new byte[4096];
        data.AsSpan().Fill(7);
        for (int i = 0; i < 256; i++)
        {
            storage.Write(i * 4096, data);
        }

        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            byte[] back = new byte[4096];
            while (!stop.IsCancellationRequested)
            {
                Assert.Equal(4096, seed == 0 ? storage.Read(random.Next(256) * 4096, back) : await storage.ReadAsync(random.Next(256) * 4096, back));
                Assert.Equal(-1, back.AsSpan().IndexOfAnyExcept((byte)7));
            }
        }))];
        for (int i = 0; i < 200; i++)
        {
            storage.ChangeAccess(readOnly: i % 2 == 0);
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.False(storage.IsReadOnly);
    }

    private static void ShouldBeInUse(string path, FileStorageOptions options, string holder, string right)
    {
        ImageException error = Assert.Throws<ImageException>(() => FileStorage.Open(path, options).Dispose());
        Assert.Equal(ImageErrorKind.InUse, error.Kind);
        Assert.True(error.IsRetryable);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(holder, error.Message, StringComparison.Ordinal);
        Assert.Contains($"\"{right}\"", error.Message, StringComparison.Ordinal);
    }

    private static async Task ShouldBeKeptOut(string program, params string[] arguments)
    {
        ToolRun run = await ToolRun.RunAsync(Peers.Require(program), arguments);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains(InUse, run.Output + run.Error, StringComparison.Ordinal);
    }

    private static async Task ShouldWork(string program, params string[] arguments) =>
        (await ToolRun.RunAsync(Peers.Require(program), arguments)).ShouldExitWith(0);

    private async Task<string> NewImageAsync()
    {
        await ShouldWork("qemu-img", "create", "-f", "qed", _folder["image.qed"], "4M");
        return _folder["image.qed"];
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Dup(int handle);
}
