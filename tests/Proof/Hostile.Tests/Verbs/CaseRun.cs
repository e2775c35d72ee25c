using System.Security.Cryptography;
using System.Text;
using QedVd.Hostile.Tests.Cases;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Lays a case down, has one verb answer, and says what was wrong with that.</summary>
internal sealed class CaseRun(CaseFolder folder)
{
    /// <summary>Longer files are compared by length and time alone.</summary>
    private const long HashedBytes = 16 << 20;

    private static readonly DateTime s_longAgo = new(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly string _outside = Fingerprint(folder.Outside);
    private HostileCase? _laidDown;
    private string _before = "";

    /// <summary>Everything that is wrong; none: the answer is right. Null when this call is not made for this case.</summary>
    public IReadOnlyList<string>? Run(HostileCase of, VerbLine line, Func<string[], VerbOutcome> run)
    {
        if (of.Answers.To(line) is not { } right)
        {
            return null;
        }

        LayDown(of);
        VerbOutcome outcome = run(line.Arguments(folder, of));
        List<string> wrong = [.. Judge(line, right, outcome)];
        string after = Fingerprint(folder.In);
        if (after != _before)
        {
            _laidDown = null;
            if (line.IsReading || (outcome.ExitCode != 0 && line.Need != Need.Repair && !of.MayChangeBeforeFailing(line)))
            {
                wrong.Add($"files changed:\n{_before}  became\n{after}");
            }
        }

        string[] made = [.. Directory.GetFileSystemEntries(folder.Out)];
        if (made.Length > 0 && outcome.ExitCode != 0 && line.Verb != "compare")
        {
            wrong.Add($"left behind: {string.Join(", ", made.Select(Path.GetFileName))}");
        }

        folder.ClearOut();
        if (Fingerprint(folder.Outside) != _outside)
        {
            wrong.Add("files outside were changed");
        }

        if (OpenFiles() is { Count: > 0 } open)
        {
            wrong.Add($"left open: {string.Join(", ", open)}");
        }

        return wrong.Count == 0 ? [] : [.. wrong.Select(what => $"{of.Name}: {line.Name}: {what}")];
    }

    private void LayDown(HostileCase of)
    {
        if (_laidDown == of)
        {
            return;
        }

        folder.Clear();
        of.Make(folder);
        foreach (FileInfo file in new DirectoryInfo(folder.In).EnumerateFiles().Where(file => file.LinkTarget is null))
        {
            // Far enough back for any write to show, however coarse the clock of the file system.
            file.LastWriteTimeUtc = s_longAgo;
        }

        _laidDown = of;
        _before = Fingerprint(folder.In);
    }

    private static IEnumerable<string> Judge(VerbLine line, Answer right, VerbOutcome outcome)
    {
        string all = $"exit code {outcome.ExitCode}\n{Short(outcome.Error)}{Short(outcome.Output)}";
        if (!right.ExitCodes.Contains(outcome.ExitCode))
        {
            yield return $"should exit with {string.Join(" or ", right.ExitCodes)}: {all}";
        }

        string[] lines = outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        bool isFailure = outcome.ExitCode != 0 && lines.Length > 0;
        string told = isFailure ? lines[0] : outcome.Output;
        foreach (string word in right.Words.Where(word => !told.Contains(word, StringComparison.OrdinalIgnoreCase)))
        {
            yield return $"should name '{word}': {all}";
        }

        bool mustSay = outcome.ExitCode != 0 && outcome.Output.Length == 0;
        if (lines.Length > 1 || (mustSay && lines.Length != 1))
        {
            yield return $"should say one line: {all}";
        }

        if (lines.Length > 0 && !lines[0].StartsWith($"qedvd: {line.Verb}: ", StringComparison.Ordinal))
        {
            yield return $"should say who speaks: {all}";
        }

        if (outcome.Error.Contains("unexpected error", StringComparison.Ordinal) || outcome.Error.Contains("   at ", StringComparison.Ordinal))
        {
            yield return $"not foreseen: {all}";
        }

        foreach (string text in new[] { outcome.Output, outcome.Error })
        {
            if (Unfit(text) is { } unfit)
            {
                yield return $"prints U+{unfit:X4}, on which a terminal acts: {all}";
            }

            if (text.Contains(CaseFolder.Secret, StringComparison.Ordinal))
            {
                yield return "prints what lies outside";
            }
        }
    }

    /// <summary>The first character that may not reach a terminal: a control character other than the end of a line, or one that turns text round.</summary>
    private static int? Unfit(string text) =>
        text.EnumerateRunes().Where(rune => rune.Value != '\n' && (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Format
            or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator) || rune == Rune.ReplacementChar).Select(rune => (int?)rune.Value).FirstOrDefault();

    private static string Short(string text) => text.Length > 1500 ? text[..1500] + "...\n" : text;

    private static string Fingerprint(string folder)
    {
        var text = new StringBuilder();
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            text.Append("  ").Append(entry.Name).Append(' ').Append(entry.Attributes).Append(' ').Append(entry.LinkTarget);
            if (entry is FileInfo { LinkTarget: null } file)
            {
                text.Append(System.Globalization.CultureInfo.InvariantCulture, $" {file.Length} {file.LastWriteTimeUtc:O} {(file.Length is > 0 and <= HashedBytes ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file.FullName)))[..16] : "")}");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private List<string> OpenFiles() =>
    [
        .. new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos().Select(handle => handle.LinkTarget ?? "").Where(path => path.StartsWith(folder.Root, StringComparison.Ordinal)),
    ];
}
