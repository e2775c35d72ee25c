namespace QedVd.Host;

/// <summary>Whether a file is of a format that a parent can be of: the rules by which a chain is opened.</summary>
internal static class ParentFit
{
    /// <summary><see cref="LinkState.Found"/>, <see cref="LinkState.WrongFormat"/> or <see cref="LinkState.Unreadable"/>, with one line that says why.</summary>
    public static (LinkState State, string Why) Judge(ParentReference parent, string path, ImageHeader header, IReadOnlyList<string> allowedFormats)
    {
        string shown = DisplayText.Escape(path);
        if (parent.IsRaw)
        {
            return (LinkState.Found, header.FormatId is { } own
                ? $"'{shown}' is marked as raw, though it is an image of the format '{own}': what is read are the bytes of that image's file." : "");
        }

        ProbeReport report = header.Report;
        string? format = parent.FormatId ?? header.FormatId
            ?? (report.Best is { } possible && allowedFormats.Contains(possible.FormatId) ? possible.FormatId : null);
        if (format is null)
        {
            string what = report.NamedFormat is { Kind: NamedFormatKind.Container } foreign ? $"is {foreign.DisplayName}, and there is no backend for that" : "is not marked as raw, and nothing proves what it is";
            return (LinkState.WrongFormat, $"'{shown}' {what}. If it is raw, mark it in the image.");
        }

        if (!allowedFormats.Contains(format))
        {
            return (LinkState.WrongFormat, $"'{shown}' is of the format '{format}', and only {string.Join(", ", allowedFormats)} may be a parent. Allow it with AllowedParentFormats.");
        }

        if (header.FormatId is { } certain && certain != format)
        {
            return (LinkState.WrongFormat, $"'{shown}' is of the format '{certain}', and the image says '{format}'.");
        }

        return header.Error is { } error ? (LinkState.Unreadable, error.Message) : (LinkState.Found, "");
    }
}
