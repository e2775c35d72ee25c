using System.Text;

namespace QedVd;

/// <summary>The parent as an image names it: bytes, and perhaps its format. Only a name; the host decides what it may open.</summary>
public sealed class ParentReference
{
    private readonly byte[] _nameBytes;

    /// <summary>Creates a reference from the bytes that an image stores.</summary>
    /// <param name="nameBytes">The name; copied.</param>
    /// <param name="formatId">The parent's format where the image says it (QED can say "raw" only), else null.</param>
    public ParentReference(ReadOnlySpan<byte> nameBytes, string? formatId = null)
    {
        _nameBytes = nameBytes.ToArray();
        FormatId = formatId;
    }

    /// <summary>Creates a reference from a name, stored as UTF-8.</summary>
    /// <param name="name">The name.</param>
    /// <param name="formatId">The parent's format where it is known, else null.</param>
    public ParentReference(string name, string? formatId = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        _nameBytes = Encoding.UTF8.GetBytes(name);
        FormatId = formatId;
    }

    /// <summary>The format id of a parent that is marked raw.</summary>
    public const string Raw = "raw";

    /// <summary>The name exactly as stored; need not be UTF-8.</summary>
    public ReadOnlySpan<byte> NameBytes => _nameBytes;

    /// <summary>The name as text; bytes that are not UTF-8 become U+FFFD. Not escaped: it may hold control characters.</summary>
    public string Name => Encoding.UTF8.GetString(_nameBytes);

    /// <summary>The parent's format where the image says it, else null.</summary>
    public string? FormatId { get; }

    /// <summary>Whether the parent is marked raw, and so must never be probed.</summary>
    public bool IsRaw => FormatId == Raw;

    /// <inheritdoc/>
    public override string ToString() => FormatId is null ? Name : $"{Name} ({FormatId})";
}
