using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Levels over small files, which no chain has been made of; top first. What the images hold does not matter.</summary>
internal sealed class FileLevels : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<Level> _levels = [];

    /// <param name="count">How many.</param>
    /// <param name="inMemory">Depths of those that have no file.</param>
    public FileLevels(int count, params int[] inMemory)
    {
        for (int i = 0; i < count; i++)
        {
            _levels.Add(inMemory.Contains(i) ? Memory(FormattableString.Invariant($"level {i}")) : Open(FormattableString.Invariant($"{i}.img"), 100 + i));
        }
    }

    public IReadOnlyList<Level> All => _levels;

    public string this[string name] => _folder[name];

    public static Level Memory(string name) => new() { Image = new BlockImage(name, 4096, 512), Path = name, FormatId = "blocks" };

    public Level Open(string name, int lengthBytes, FileStorageOptions? options = null)
    {
        _folder.Create(name, lengthBytes);
        return Over(FileStorage.Open(_folder[name], options ?? new FileStorageOptions { ReadOnly = true }), _folder[name]);
    }

    public static Level Over(FileStorage storage, string path) =>
        new() { Image = new BlockImage(path, 4096, 512), Path = path, FormatId = $"format of {Path.GetFileName(path)}", Storage = storage };

    public void Dispose()
    {
        foreach (Level level in _levels)
        {
            level.Storage?.Dispose();
        }

        _folder.Dispose();
    }
}
