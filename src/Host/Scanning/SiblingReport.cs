using System.Collections;

namespace QedVd.Host;

/// <summary>The files that have one of the images in question as their parent, and those of which that cannot be told.</summary>
internal sealed class SiblingReport(IReadOnlyList<string> children, IReadOnlyList<ScanProblem> uncertain) : IReadOnlyList<string>
{
    /// <summary>The full paths of the children; not escaped.</summary>
    public IReadOnlyList<string> Children => children;

    /// <summary>Images that could not be read, or whose parent's name is no plain file name, and folders that could not be listed: any of them may be, or hold, a child.</summary>
    public IReadOnlyList<ScanProblem> Uncertain => uncertain;

    public int Count => children.Count;

    public string this[int index] => children[index];

    public IEnumerator<string> GetEnumerator() => children.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
