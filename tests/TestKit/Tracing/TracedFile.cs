namespace QedVd.TestKit;

/// <summary>A file of a <see cref="FolderTrace"/>, whatever names it has had.</summary>
public sealed class TracedFile
{
    private readonly SparseBytes _initial;

    internal TracedFile(string name, SparseBytes initial, bool wasThere)
    {
        Name = name;
        WasThere = wasThere;
        _initial = initial.Clone();
        Now = initial;
    }

    /// <summary>The name that it had first, or for one that was made without: that of its folder and a number.</summary>
    public string Name { get; }

    /// <summary>Whether it existed before the command ran.</summary>
    public bool WasThere { get; }

    /// <summary>What it held before; not to be changed.</summary>
    public SparseBytes Initial => _initial.Clone();

    /// <summary>What it holds after all that was traced.</summary>
    internal SparseBytes Now { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
