namespace QedVd.TestKit;

/// <summary>Reads what <c>strace -f -y -xx -o</c> has written.</summary>
internal static class StraceLog
{
    private const string Unfinished = " <unfinished ...>";
    private const string Resumed = " resumed>";

    /// <summary>The calls, in the order in which they began. One that was under way when its thread was killed has no end.</summary>
    public static IReadOnlyList<SystemCall> Parse(IReadOnlyList<string> lines)
    {
        List<SystemCall> calls = [];
        Dictionary<string, (SystemCall Call, string Text)> pending = [];
        for (int number = 0; number < lines.Count; number++)
        {
            string line = lines[number];
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            string thread = line[..space];
            string text = line[space..].TrimStart();
            if (text.StartsWith("<... ", StringComparison.Ordinal))
            {
                (SystemCall call, string first) = pending[thread];
                pending.Remove(thread);
                Complete(call, first + text[(text.IndexOf(Resumed, StringComparison.Ordinal) + Resumed.Length)..], number);
                continue;
            }

            int open = text.IndexOf('(', StringComparison.Ordinal);
            if (open <= 0 || !IsName(text.AsSpan(0, open)))
            {
                continue;
            }

            var begun = new SystemCall { Name = text[..open], Begin = number };
            calls.Add(begun);
            text = text[(open + 1)..];
            if (text.EndsWith(Unfinished, StringComparison.Ordinal))
            {
                pending[thread] = (begun, text[..^Unfinished.Length]);
            }
            else
            {
                Complete(begun, text, number);
            }
        }

        foreach ((SystemCall call, string text) in pending.Values)
        {
            call.Arguments = Split(text);
        }

        return calls;
    }

    private static bool IsName(ReadOnlySpan<char> text)
    {
        foreach (char letter in text)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter != '_')
            {
                return false;
            }
        }

        return true;
    }

    private static void Complete(SystemCall call, string text, int number)
    {
        // Strings are written in hexadecimal: there is no other equals sign with spaces.
        int equals = text.LastIndexOf(" = ", StringComparison.Ordinal);
        call.ResultText = text[(equals + 3)..];
        string arguments = text[..equals].TrimEnd();
        call.Arguments = Split(arguments.EndsWith(')') ? arguments[..^1] : arguments);
        call.End = number;
    }

    private static List<string> Split(string text)
    {
        List<string> parts = [];
        int depth = 0;
        bool isInString = false;
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"':
                    isInString = !isInString;
                    break;
                case '[' or '{' or '(' when !isInString:
                    depth++;
                    break;
                case ']' or '}' or ')' when !isInString:
                    depth--;
                    break;
                case ',' when !isInString && depth == 0:
                    parts.Add(text[start..i].Trim());
                    start = i + 1;
                    break;
                default:
                    break;
            }
        }

        parts.Add(text[start..].Trim());
        return parts;
    }
}
