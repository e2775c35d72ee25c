using System.Text;

namespace QedVd.Host;

/// <summary>What a file may be: every backend's answer, ranked, and the well-known formats whose marks it carries.</summary>
public sealed record ProbeReport
{
    /// <summary>The name of the storage.</summary>
    public required string Name { get; init; }

    /// <summary>Its length.</summary>
    public required long LengthBytes { get; init; }

    /// <summary>One answer per backend: certain ones first, then possible ones (raw last among them), then no, then those that failed.</summary>
    public required IReadOnlyList<ProbeCandidate> Candidates { get; init; }

    /// <summary>Well-known formats that no registered backend is for; images and archives first, then what a raw disk holds.</summary>
    public required IReadOnlyList<NamedFormat> NamedFormats { get; init; }

    /// <summary>The first of <see cref="NamedFormats"/>, or null.</summary>
    public NamedFormat? NamedFormat => NamedFormats.Count == 0 ? null : NamedFormats[0];

    /// <summary>Whether two or more backends are equally sure, so that none of them is taken.</summary>
    public bool IsTie => Leaders.Count > 1;

    /// <summary>
    /// The format to read the file as: the one backend that is certain; else, where the file carries no mark of a foreign container, the one that
    /// thinks it possible (raw only if no other does). Null where there is none, or a tie.
    /// </summary>
    public ProbeCandidate? Best => Leaders is [var only] && (only.Confidence == ProbeConfidence.Certain || !IsForeign) ? only : null;

    /// <summary>The format to write the file as: only ever one that is certain. Raw is never guessed for a writable disk.</summary>
    public ProbeCandidate? BestForWriting => Best is { Confidence: ProbeConfidence.Certain } certain ? certain : null;

    private bool IsForeign => NamedFormats.Any(format => format.Kind == NamedFormatKind.Container);

    private List<ProbeCandidate> Leaders
    {
        get
        {
            List<ProbeCandidate> certain = [.. Candidates.Where(candidate => candidate.Confidence == ProbeConfidence.Certain)];
            List<ProbeCandidate> maybe = [.. Candidates.Where(candidate => candidate.Confidence == ProbeConfidence.Maybe && candidate.FormatId != ParentReference.Raw)];
            return certain.Count > 0 ? certain
                : maybe.Count > 0 ? maybe
                : [.. Candidates.Where(candidate => candidate.Confidence == ProbeConfidence.Maybe)];
        }
    }

    /// <summary>The id of the format to take.</summary>
    /// <param name="forWriting">Whether the file will be opened for writing.</param>
    /// <exception cref="ImageException">None can be taken: unknown, foreign, ambiguous, or only possible where certainty is needed. The message says which, and what to do.</exception>
    public string RequireFormat(bool forWriting) =>
        (forWriting ? BestForWriting : Best)?.FormatId ?? throw new ImageException(ImageErrorKind.NotThisFormat, Explain(forWriting), Name, "probe");

    private string Explain(bool forWriting)
    {
        var text = new StringBuilder($"{DisplayText.Escape(Name)}: ");
        if (IsTie)
        {
            text.Append($"could be {string.Join(" or ", Leaders.Select(leader => $"{leader.FormatId} ({leader.Reason})"))}; name the format.");
        }
        else if (IsForeign)
        {
            text.Append($"is {NamedFormat!.DisplayName} ({NamedFormat.Reason}), and no backend for that is registered. Convert it with another tool, add a plugin for it, or name the format if you know better.");
        }
        else if (forWriting && Best is { } possible)
        {
            text.Append($"could be {possible.FormatId} ({possible.Reason}), but nothing proves it, and what is only possible is not opened for writing. Name the format, or open it read-only.");
        }
        else
        {
            text.Append("no backend recognises it.");
        }

        IEnumerable<string> others = Candidates.Except(Leaders).Select(candidate => $"{candidate.FormatId}: {candidate.Reason}");
        string answers = string.Join("; ", others);
        return answers.Length == 0 ? text.ToString() : text.Append($" Others said: {answers}.").ToString();
    }
}
