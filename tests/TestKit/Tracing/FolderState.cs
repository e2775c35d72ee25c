using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace QedVd.TestKit;

/// <summary>What a crash may leave of a traced folder.</summary>
/// <param name="Position">How many events of the trace had ended.</param>
/// <param name="Kind">How it came about.</param>
/// <param name="Names">The relative names that there are, and the file that each leads to.</param>
/// <param name="Contents">What each file holds that has a name.</param>
/// <param name="Description">For a failed test.</param>
public sealed partial record FolderState(
    int Position, FolderCrashKind Kind, IReadOnlyDictionary<string, TracedFile> Names, IReadOnlyDictionary<TracedFile, SparseBytes> Contents, string Description)
{
    // Most states share most of their contents, which nobody changes.
    private static readonly ConditionalWeakTable<SparseBytes, string> s_hashes = [];

    /// <summary>Equal for states with the same names that hold the same bytes; names that are drawn anew by every run (<paramref name="isTemporary"/>) count as one.</summary>
    public string ComputeHash(Func<string, bool>? isTemporary = null)
    {
        var text = new StringBuilder();
        foreach (string line in Names.Select(pair => $"{(isTemporary?.Invoke(pair.Key) == true ? "*" : pair.Key)} {HashOf(Contents[pair.Value])}").Order(StringComparer.Ordinal))
        {
            text.Append(line).Append('\n');
        }

        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string HashOf(SparseBytes content) => s_hashes.GetValue(content, static bytes => bytes.ComputeHash());

    /// <summary>Makes a folder hold this and nothing else.</summary>
    public void SaveTo(string folder)
    {
        foreach (string path in Directory.GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }))
        {
            File.Delete(path);
        }

        byte[] buffer = new byte[1 << 16];
        Dictionary<TracedFile, string> saved = [];
        foreach ((string name, TracedFile file) in Names)
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (!saved.TryAdd(file, path))
            {
                // Two names of one file.
                if (link(saved[file], path) != 0)
                {
                    throw new IOException($"{path}: cannot be linked, error {Marshal.GetLastPInvokeError()}.");
                }

                continue;
            }

            SparseBytes content = Contents[file];
            using FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            stream.SetLength(content.LengthBytes);
            for (long offset = 0; offset < content.LengthBytes;)
            {
                StorageExtent extent = content.GetExtent(offset);
                for (long done = 0; !extent.IsHole && done < extent.LengthBytes;)
                {
                    int count = content.Read(offset + done, buffer.AsSpan(0, (int)Math.Min(buffer.Length, extent.LengthBytes - done)));
                    stream.Position = offset + done;
                    stream.Write(buffer, 0, count);
                    done += count;
                }

                offset += extent.LengthBytes;
            }
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string oldPath, string newPath);
}
