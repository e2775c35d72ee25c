namespace QedVd.Architecture.Tests.Mutation;

/// <summary>
/// docs/survivors.md: each change that no test has noticed, below the name of its file, and why that is so. A verdict stays while its change is found again.
/// </summary>
public sealed class SurvivorList
{
    private const string Heading = "## ";

    private readonly string _path;
    private readonly string _root;
    private readonly List<string> _words = [];
    private readonly SortedDictionary<string, Survivor[]> _files = new(StringComparer.Ordinal);

    /// <summary>Reads the list; what stands before its first heading is kept as it is.</summary>
    /// <param name="path">The list.</param>
    /// <param name="root">What the names of files are relative to.</param>
    public SurvivorList(string path, string root)
    {
        (_path, _root) = (path, root);
        string? file = null;
        List<Survivor> some = [];
        foreach (string line in File.ReadLines(path))
        {
            if (line.StartsWith(Heading, StringComparison.Ordinal))
            {
                file = line[Heading.Length..];
                some = [];
                _files[file] = [];
            }
            else if (file is null)
            {
                _words.Add(line);
            }
            else if (line.Length > 0)
            {
                some.Add(Survivor.Parse(line) ?? throw new InvalidDataException($"{path}: not a line of the list: {line}"));
                _files[file] = [.. some];
            }
        }
    }

    /// <summary>The files of which something survived.</summary>
    public IEnumerable<string> Files => _files.Keys;

    /// <summary>What survived of a file, in the order of its lines.</summary>
    public IReadOnlyList<Survivor> Of(string file) => _files.GetValueOrDefault(file, []);

    /// <summary>Notes what has survived of a file now, instead of what had before.</summary>
    public void Set(string file, IReadOnlyList<Survivor> survivors)
    {
        List<Survivor> known = [.. Of(file)];
        _files[file] = [.. survivors.Select(WithVerdict)];
        if (survivors.Count == 0)
        {
            _files.Remove(file);
        }

        Survivor WithVerdict(Survivor survivor)
        {
            int index = known.FindIndex(each => each with { Verdict = "" } == survivor);
            if (index < 0)
            {
                return survivor;
            }

            Survivor found = known[index];
            known.RemoveAt(index);
            return found;
        }
    }

    /// <summary>Writes the list anew, without files that are no more.</summary>
    public void Save()
    {
        IEnumerable<string> lines = _files
            .Where(each => File.Exists(Path.Combine(_root, each.Key)))
            .SelectMany(each => new[] { Heading + each.Key, "" }.Concat(each.Value.Select(survivor => survivor.ToString())).Append(""));
        File.WriteAllLines(_path, [.. _words, .. lines.SkipLast(1)]);
    }
}
