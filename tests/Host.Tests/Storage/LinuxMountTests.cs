namespace QedVd.Host.Tests.Storage;

public sealed class LinuxMountTests
{
    private const ulong Number = ulong.MaxValue - 3;

    [Fact]
    public void WhatWasFoundOut_IsKept_OnlyWhileAFileIsOpen()
    {
        LinuxMount first = LinuxMount.Enter(Number);
        first.ReadsZero = true;
        LinuxMount second = LinuxMount.Enter(Number);
        first.Exit();
        LinuxMount third = LinuxMount.Enter(Number);
        Assert.True(second.ReadsZero);
        Assert.True(third.ReadsZero);

        second.Exit();
        third.Exit();
        LinuxMount later = LinuxMount.Enter(Number);
        Assert.Null(later.ReadsZero);
        later.Exit();
    }

    [Fact]
    public void FilesOfOneMount_HaveTheSameFacts_WhoeverOpensFirst()
    {
        string path = Path.Combine(Path.GetTempPath(), $"qedvd-mount-{Guid.NewGuid():N}");
        File.WriteAllText(path, "x");
        try
        {
            using FileStorage alone = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
            using FileStorage besides = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
            Assert.Equal(alone.Facts, besides.Facts);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
