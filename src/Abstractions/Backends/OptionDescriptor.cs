namespace QedVd;

/// <summary>An option of a format, described for help texts and for validation.</summary>
/// <param name="Name">As written on a command line ("cluster_size").</param>
/// <param name="Kind">What its value is.</param>
/// <param name="Description">One line for people, with the range.</param>
/// <param name="DefaultValue">What applies when it is absent; null when there is no default.</param>
/// <param name="IsCreateOnly">Whether it means something at creation only.</param>
public sealed record OptionDescriptor(string Name, OptionKind Kind, string Description, string? DefaultValue = null, bool IsCreateOnly = true);
