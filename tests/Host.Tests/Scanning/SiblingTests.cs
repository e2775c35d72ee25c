using System.Buffers.Binary;
using System.Text;
using QedVd.Host.Tests.Operations;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Scanning;

/// <summary>Who else lies over an image: what a merge or a commit must know before it changes that image.</summary>
public sealed class SiblingTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Children_AreFound_WhateverTheyCallTheirParent()
    {
        _test.Qed("base.qed", Size);
        Directory.CreateDirectory(_test["sub"]);
        Directory.CreateSymbolicLink(_test["linked"], _test.Folder);
        File.CreateSymbolicLink(_test["other name"], _test["base.qed"]);
        using (var shell = System.Diagnostics.Process.Start("ln", [_test["base.qed"], _test["sub/hard"]]))
        {
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        string[] children =
        [
            _test.Qed(".hidden", Size, "base.qed"),
            _test.Qed("absolute", Size, _test["base.qed"]),
            _test.Qed("hard", Size, "sub/hard"),
            _test.Qed("odd", Size, "./sub/..//base.qed"),
            _test.Qed("over a link", Size, "other name"),
            _test.Qed("over a linked folder", Size, "linked/base.qed"),
        ];
        _test.Qed("alone", Size);
        _test.Qed("mine", Size, "base.qed");
        _test.Qed("over another", Size, "alone");
        _test.Qed("broken", Size, "gone.qed");

        SiblingReport report = await FindAsync(["base.qed"], ["mine", "base.qed"], _test.Folder, Path.Combine(_test.Folder, "."));

        Assert.Equal(children.Order(StringComparer.Ordinal), report);
        Assert.Empty(report.Uncertain);
    }

    [Fact]
    public async Task Child_InAnotherFolder_IsFoundOnlyWhereToldToLook()
    {
        _test.Qed("base.qed", Size);
        string child = _test.Qed("sub/child", Size, "../base.qed");

        Assert.Empty(await FindAsync(["base.qed"], [], _test.Folder));
        Assert.Equal([child], await FindAsync(["base.qed"], [], _test["sub"], _test.Folder));
    }

    [Fact]
    public async Task LinkToAChild_Counts_FromWhereItStandsAndFromWhereItLeads()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("sub/child", Size, "../base.qed");
        _test.Qed("sub/named alike", Size, "base.qed");
        File.CreateSymbolicLink(_test["one"], _test["sub/child"]);
        File.CreateSymbolicLink(_test["two"], _test["sub/named alike"]);

        Assert.Equal([_test["one"], _test["two"]], await FindAsync(["base.qed"], [], _test.Folder));
    }

    [Fact]
    public async Task ChildOfARawImage_IsFound()
    {
        _test.Raw("base.raw", Size, 1);
        string child = _test.Qed("child", Size, "base.raw", "raw");

        Assert.Equal([child], await FindAsync(["base.raw"], [], _test.Folder));
    }

    [Fact]
    public async Task WhatCannotBeRead_IsTold_AndNothingFails()
    {
        _test.Qed("base.qed", Size);
        string child = _test.Qed("child", Size, "base.qed");
        string damaged = _test.Qed("damaged", Size, "base.qed");
        using (FileStream file = File.OpenWrite(damaged))
        {
            // Not a power of two.
            file.Position = 4;
            file.WriteByte(3);
        }

        string remote = _test.Qed("remote", Size, "nbd:server");
        _test.Raw("notes.txt", 100, (byte)'x');
        _test.Raw("empty", 0, 0);
        File.CreateSymbolicLink(_test["leads nowhere"], _test["gone"]);
        using (var shell = System.Diagnostics.Process.Start("mkfifo", [_test["fifo"]]))
        {
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        SiblingReport report = await FindAsync(["base.qed"], [], _test.Folder, _test["no such folder"]);

        Assert.Equal([child], report);
        Assert.Equal([damaged, remote, _test["no such folder"]], report.Uncertain.Select(problem => problem.Path));
        Assert.All(report.Uncertain, problem => Assert.DoesNotContain('\n', problem.Message));
    }

    /// <summary>QEMU opens these as parents, and we do not; but a child is a child.</summary>
    [Theory]
    [InlineData(2, "base.qed", true, false)]
    [InlineData(3, "base.qed", true, false)]
    [InlineData(3, "file:base.qed", true, false)]
    [InlineData(3, "file:FOLDER/base.qed", true, false)]
    [InlineData(3, "file:other.qed", false, false)]
    [InlineData(3, "file:", false, true)]
    [InlineData(3, "json:{\"driver\":\"qed\",\"file\":{\"driver\":\"file\",\"filename\":\"FOLDER/base.qed\"}}", true, false)]
    [InlineData(3, "json:{\"driver\":\"qed\",\"file.filename\":\"base.qed\"}", true, false)]
    [InlineData(3, "json:{\"driver\":\"quorum\",\"children\":[{\"file\":{\"filename\":\"/a\"}},{\"file\":{\"filename\":\"FOLDER/base.qed\"}}]}", true, false)]
    [InlineData(3, "json:{\"driver\":\"qed\",\"file\":{\"driver\":\"file\",\"filename\":\"FOLDER/other.qed\"}}", false, false)]
    [InlineData(3, "json:{\"driver\":\"qed\",\"file.filename\":\"other.qed\"}", false, true)]
    [InlineData(3, "json:{\"driver\":\"nbd\",\"host\":\"base.qed\"}", false, true)]
    [InlineData(3, "json:{\"filename\":7}", false, true)]
    [InlineData(3, "json:{\"filename\":", false, true)]
    [InlineData(3, "nbd:base.qed", false, true)]
    public async Task ImageOfAForeignFormat_ThatNamesTheParent_IsAChild(int version, string parent, bool isChild, bool isUncertain)
    {
        _test.Qed("base.qed", Size);
        byte[] file = new byte[65536];
        "QFI"u8.CopyTo(file);
        file[3] = 0xFB;
        byte[] name = Encoding.UTF8.GetBytes(parent.Replace("FOLDER", _test.Folder, StringComparison.Ordinal));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4), version);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(8), 0x200);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), name.Length);
        name.CopyTo(file, 0x200);
        await File.WriteAllBytesAsync(_test["child.qcow2"], file, TestContext.Current.CancellationToken);

        SiblingReport report = await FindAsync(["base.qed"], [], _test.Folder);

        Assert.Equal(isChild ? [_test["child.qcow2"]] : [], report);
        Assert.Equal(isUncertain, report.Uncertain.Count == 1);
    }

    [Fact]
    public async Task ImageThatIsInUse_IsReadAllTheSame_AndNotDisturbed()
    {
        _test.Qed("base.qed", Size);
        string child = _test.Qed("child", Size, "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(child);
        disk.Write(0, [1]);

        Assert.Equal([child], await FindAsync(["base.qed"], [], _test.Folder));
        disk.Write(0, [2]);
        disk.Close();
    }

    private async Task<SiblingReport> FindAsync(string[] parents, string[] except, params string[] folders) =>
        await _test.Host.FindChildrenAsync([.. parents.Select(Identity)], [.. except.Select(Identity)], folders, TestContext.Current.CancellationToken);

    private StorageIdentity Identity(string name)
    {
        using FileStorage file = FileStorage.Open(_test[name], new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
        return file.Identity;
    }
}
