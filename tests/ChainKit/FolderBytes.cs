using System.Security.Cryptography;
using System.Text;

namespace QedVd.ChainKit;

/// <summary>What the files of a folder hold, to see whether somebody has changed it.</summary>
public sealed class FolderBytes
{
    private static readonly EnumerationOptions s_all = new() { AttributesToSkip = 0, RecurseSubdirectories = true };

    private readonly Dictionary<string, string> _hashes;

    private FolderBytes(Dictionary<string, string> hashes) => _hashes = hashes;

    public static FolderBytes Of(string folder) =>
        new(Directory.GetFiles(folder, "*", s_all).ToDictionary(path => Path.GetRelativePath(folder, path), path => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))));

    /// <summary>Files that are new, gone, or hold something else.</summary>
    public IEnumerable<string> ChangedIn(FolderBytes later) =>
        _hashes.Keys.Union(later._hashes.Keys).Where(file => _hashes.GetValueOrDefault(file) != later._hashes.GetValueOrDefault(file)).Order(StringComparer.Ordinal);

    /// <summary>Tells one folder's content from another's.</summary>
    public override string ToString() =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', _hashes.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}")))))[..12];
}
