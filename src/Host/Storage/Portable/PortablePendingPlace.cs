using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

/// <summary>On any system: a temporary name, and the framework's move.</summary>
internal sealed class PortablePendingPlace(string path, PendingFileOptions options) : PendingPlace(path, options)
{
    public override FileStorage CreateStorage(FileStorage? replaced)
    {
        RemoveLeftovers();
        string temporary = NewTemporaryPath(Folder);
        SafeFileHandle handle;
        try
        {
#pragma warning disable RS0030 // This is the storage folder.
            handle = System.IO.File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
#pragma warning restore RS0030
        }
        catch (DirectoryNotFoundException)
        {
            throw StorageErrors.Create(ImageErrorKind.NotFound, Path, "create", "cannot create: its folder does not exist; make it first.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.FromException(exception, Path, "create");
        }

        TemporaryPath = temporary;
        return FileStorage.Adopt(PortableFile.Adopt(handle, Path, Options.ForStorage), LockRights.Of(ImageLockMode.ReadWrite), Options.ForStorage);
    }

    public override void CopyRights(HostFile replaced)
    {
        if (!OperatingSystem.IsWindows())
        {
            System.IO.File.SetUnixFileMode(TemporaryPath!, System.IO.File.GetUnixFileMode(((PortableFile)replaced).Handle));
        }
    }

    private bool _hasReplaced;

    public override void Link() => Move(overwrite: false);

    public override void Replace(FileStorage replaced)
    {
        using (PortableFile current = PortableFile.Open(Path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None }))
        {
            if (current.Identity != replaced.Identity)
            {
                throw CannotReplace(Path);
            }
        }

        if (OperatingSystem.IsWindows())
        {
            // A file that is open cannot be replaced there.
            replaced.Dispose();
        }

        Move(overwrite: true);
        _hasReplaced = true;
    }

    // What was replaced is gone here: no second name can be given to it.
    public override bool TryWithdraw()
    {
        if (_hasReplaced)
        {
            return false;
        }

        TryDelete(Path);
        return !System.IO.File.Exists(Path);
    }

    public override void Settle()
    {
    }

    public override void FlushFolder()
    {
        Options.FolderSeam?.Invoke();
        PortableFolder.Flush(Folder, Path);
    }

    public override void Abandon()
    {
        if (TemporaryPath is not null)
        {
            TryDelete(TemporaryPath);
            TemporaryPath = null;
        }
    }

    private void Move(bool overwrite)
    {
        try
        {
            System.IO.File.Move(TemporaryPath!, Path, overwrite);
            TemporaryPath = null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw !overwrite && System.IO.File.Exists(Path) ? AlreadyExists(Path) : StorageErrors.FromException(exception, Path, "publish");
        }
    }

    private void RemoveLeftovers()
    {
        foreach (string leftover in FindLeftovers())
        {
            try
            {
                using PortableFile file = PortableFile.Open(leftover, Options.ForStorage);
                if (file.TryLock(LockRights.Of(ImageLockMode.ReadWrite)) == LockOutcome.Held)
                {
                    TryDelete(leftover);
                }
            }
            catch (ImageException)
            {
                // Somebody has it.
            }
        }
    }
}
