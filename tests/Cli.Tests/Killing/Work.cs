using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Cli.Tests.Killing;

/// <summary>A folder with a chain in it, and perhaps more.</summary>
internal sealed record Work(TestChain Chain, string Folder)
{
    private static readonly EnumerationOptions s_all = new() { AttributesToSkip = 0, RecurseSubdirectories = true };

    /// <summary>All files, hidden ones too, relative to the folder, sorted.</summary>
    public string[] Files => [.. Directory.GetFiles(Folder, "*", s_all).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    /// <summary>The images of the folder, whether they belong to the chain or not.</summary>
    public IEnumerable<string> Images => Files.Where(name => name.EndsWith(".qed", StringComparison.Ordinal)).Select(name => Path.Combine(Folder, name));

    /// <summary>All of it once more, in another folder, which is empty.</summary>
    public Work CopyTo(ChainBench bench, string folder)
    {
        foreach (string path in Directory.GetDirectories(Folder, "*", s_all))
        {
            Directory.CreateDirectory(Path.Combine(folder, Path.GetRelativePath(Folder, path)));
        }

        foreach (string file in Files)
        {
            File.Copy(Path.Combine(Folder, file), Path.Combine(folder, file));
        }

        return At(bench, folder);
    }

    /// <summary>The same in another folder, where the files are already.</summary>
    public Work At(ChainBench bench, string folder)
    {
        IEnumerable<ChainLevel> levels = Chain.Levels.Select(level => new ChainLevel
        {
            Path = Path.Combine(folder, Path.GetRelativePath(Folder, level.Path)),
            Format = level.Format,
            View = level.View.Clone(),
        });

        // An image in a folder of its own names a parent outside of it.
        return new Work(new TestChain(bench, levels) { Options = new DiskOpenOptions { AllowedRoots = [folder] } }, folder);
    }
}
