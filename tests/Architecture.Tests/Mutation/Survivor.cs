using System.Text.RegularExpressions;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>A small change to the code that no unit test has noticed, as docs/survivors.md lists it.</summary>
/// <param name="Code">What stood there, in one line.</param>
/// <param name="Instead">What stood there instead.</param>
/// <param name="Verdict">Why no test notices it; empty where nobody has looked at it yet.</param>
public sealed partial record Survivor(string Code, string Instead, string Verdict = "")
{
    // Of longer lines the place of the change, with what stands beside it; a block that was left out is known by its beginning.
    private const int MaxText = 140;
    private const int MaxChange = 90;
    private const int MaxBeside = 25;

    /// <summary>What a line says until somebody has looked at it.</summary>
    public const string NotLookedAt = "not looked at yet";

    /// <summary>Takes the place of a change in a file as one line each, before and after.</summary>
    /// <param name="source">The file.</param>
    /// <param name="start">Line and column of the first character, counted from 1.</param>
    /// <param name="end">Of the one behind the last.</param>
    /// <param name="replacement">What is put there.</param>
    public static Survivor Of(string source, (int Line, int Column) start, (int Line, int Column) end, string replacement)
    {
        string[] lines = source.ReplaceLineEndings("\n").Split('\n');
        string before = lines[start.Line - 1][..(start.Column - 1)];
        string after = lines[end.Line - 1][(end.Column - 1)..];
        string code = start.Line == end.Line
            ? lines[start.Line - 1][(start.Column - 1)..(end.Column - 1)]
            : string.Join(' ', [lines[start.Line - 1][(start.Column - 1)..], .. lines[start.Line..(end.Line - 1)], lines[end.Line - 1][..(end.Column - 1)]]);
        return new Survivor(OneLine(before, code, after), OneLine(before, replacement, after));
    }

    /// <summary>A line of the list; null for one that is something else.</summary>
    public static Survivor? Parse(string line) =>
        Row().Match(line) is { Success: true } match
            ? new Survivor(match.Groups["code"].Value, match.Groups["instead"].Value, match.Groups["verdict"].Value is NotLookedAt ? "" : match.Groups["verdict"].Value)
            : null;

    /// <summary>As a line of the list.</summary>
    public override string ToString() => $"- `{Code}` -> `{Instead}`: {(Verdict.Length == 0 ? NotLookedAt : Verdict)}";

    private static string OneLine(string before, string change, string after)
    {
        string line = Shown(before + change + after);
        if (line.Length <= MaxText)
        {
            return line;
        }

        (before, change, after) = (Shown(before), Shown(change), Shown(after));
        string start = before.Length <= MaxBeside ? before : "... " + before[^MaxBeside..].TrimStart();
        string middle = change.Length <= MaxChange ? change : change[..MaxChange].TrimEnd() + " ...";
        string end = after.Length <= MaxBeside ? after : after[..MaxBeside].TrimEnd() + " ...";
        return $"{start} {middle} {end}".Trim();
    }

    private static string Shown(string text) => Space().Replace(text, " ").Trim().Replace('`', '\'');

    [GeneratedRegex("^- `(?<code>[^`]*)` -> `(?<instead>[^`]*)`: (?<verdict>.+)$")]
    private static partial Regex Row();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
