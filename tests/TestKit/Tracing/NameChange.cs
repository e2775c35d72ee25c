namespace QedVd.TestKit;

/// <summary>One change of names in a folder; it happens as a whole or not at all.</summary>
/// <param name="From">The name that goes; null: none.</param>
/// <param name="To">The name that appears, or leads to another file from then on; null: none.</param>
/// <param name="File">The file that <paramref name="To"/> leads to, or <paramref name="From"/> led to.</param>
public sealed record NameChange(string? From, string? To, TracedFile File)
{
    /// <summary>The folders that must be durable for it to be; relative, "" the traced folder itself.</summary>
    public IEnumerable<string> Folders => new[] { From, To }.OfType<string>().Select(name => Path.GetDirectoryName(name)!).Distinct();

    /// <summary>Carries it out; nothing happens where a change that it stands on was lost.</summary>
    public void Apply(IDictionary<string, TracedFile> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        if (From is not null && (!names.TryGetValue(From, out TracedFile? file) || file != File))
        {
            return;
        }

        if (From is not null)
        {
            names.Remove(From);
        }

        if (To is not null)
        {
            names[To] = File;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => From is null ? $"link {File} as {To}" : To is null ? $"unlink {From}" : $"rename {From} to {To}";
}
