using System.Runtime.InteropServices;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// What a folder held at one moment, to be put back into it later: the same content in the very same files, in the same place. The journal of a merge knows
/// its files by their identity, and the name of a parent may be absolute: to a copy elsewhere neither means anything.
/// </summary>
internal sealed partial class KeptFolder
{
    private readonly string _folder;
    private readonly string[] _subfolders;
    private readonly List<(string Name, string File, byte[] Content)> _files = [];

    private KeptFolder(Work work)
    {
        _folder = work.Folder;
        _subfolders = [.. Directory.GetDirectories(_folder, "*", SearchOption.AllDirectories)];
    }

    /// <summary>Takes it down; a second name in an empty folder of the same volume keeps each file from being gone, whatever becomes of its own.</summary>
    public static KeptFolder Take(Work work, string emptyFolder)
    {
        var kept = new KeptFolder(work);
        foreach (string name in work.Files)
        {
            string path = Path.Combine(work.Folder, name);
            string second = Path.Combine(emptyFolder, $"{kept._files.Count}");
            if (link(path, second) != 0)
            {
                throw new IOException($"'{path}' got no second name (error {Marshal.GetLastPInvokeError()}).");
            }

            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] content = new byte[file.Length];
            file.ReadExactly(content);
            kept._files.Add((name, second, content));
        }

        return kept;
    }

    /// <summary>Puts it back, once: whatever the folder holds now is gone.</summary>
    public void Restore()
    {
        foreach (string entry in Directory.GetFileSystemEntries(_folder, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }
        }

        foreach (string subfolder in _subfolders)
        {
            Directory.CreateDirectory(subfolder);
        }

        foreach ((string name, string second, byte[] content) in _files)
        {
            using (FileStream file = File.OpenWrite(second))
            {
                file.SetLength(0);
                file.Write(content);
            }

            File.Move(second, Path.Combine(_folder, name));
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string oldPath, string newPath);
}
