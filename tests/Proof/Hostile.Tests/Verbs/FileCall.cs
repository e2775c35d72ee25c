using System.Text;
using System.Text.RegularExpressions;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>A call to the kernel that names files, as <c>strace -f -y -e trace=%file,connect,execve</c> prints it.</summary>
/// <param name="Text">The line, without the number of the thread.</param>
/// <param name="Name">The call's.</param>
/// <param name="Files">What it does to which file: full paths, in which neither links nor what is not ASCII is spelled otherwise than in the file system.</param>
internal sealed partial record FileCall(string Text, string Name, IReadOnlyList<(FileUse Use, string Path)> Files)
{
    /// <summary>Whether a link at the end of the path is followed, and not kept from leading out either.</summary>
    public bool FollowsLinks => !IsReadingALink && Name is not ("lstat" or "openat2") && !Text.Contains("NOFOLLOW", StringComparison.Ordinal);

    /// <summary>Whether it asks what a link holds, and nothing of what it leads to.</summary>
    public bool IsReadingALink => Name is "readlink" or "readlinkat";

    /// <summary>Whether it asks what a file is, and gets no handle of it.</summary>
    public bool IsStat => Name is "stat" or "lstat" or "newfstatat" or "statx";

    /// <summary>Reads what strace has left.</summary>
    /// <param name="trace">The lines; other threads may come between the two halves of a call.</param>
    /// <param name="folder">Where the process was started.</param>
    public static IEnumerable<FileCall> Read(IEnumerable<string> trace, string folder)
    {
        Dictionary<string, string> begun = [];
        foreach (string line in trace)
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            (string thread, string text) = (line[..space], line[space..].TrimStart());
            if (text.EndsWith(Unfinished, StringComparison.Ordinal))
            {
                begun[thread] = text[..^Unfinished.Length];
            }
            else if (Resumed().Match(text) is { Success: true } rest)
            {
                yield return Parse((begun.Remove(thread, out string? start) ? start : "") + text[rest.Length..], folder);
            }
            else
            {
                yield return Parse(text, folder);
            }
        }

        foreach (string text in begun.Values)
        {
            yield return Parse(text, folder);
        }
    }

    private const string Unfinished = " <unfinished ...>";

    private static FileCall Parse(string text, string folder)
    {
        int open = text.IndexOf('(', StringComparison.Ordinal);
        Assert.True(open > 0, $"What strace says is not understood: {text}");
        string name = text[..open];
        List<string> arguments = Arguments(text, open + 1);
        List<string> paths = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            // The path comes behind the folder that it starts from, where a call has such a one. An empty one is that of the handle itself.
            if (arguments[i] is ['"', .. var path, '"'] && path.Length > 0)
            {
                string from = i > 0 && Handle().Match(arguments[i - 1]) is { Success: true } handle ? Unescape(handle.Groups[1].Value) : folder;
                paths.Add(Path.GetFullPath(Unescape(path), from));
            }
        }

        if (name is "getcwd")
        {
            paths.Clear();
        }

        bool namesTwo = name.StartsWith("rename", StringComparison.Ordinal) || name.StartsWith("link", StringComparison.Ordinal) || name.StartsWith("symlink", StringComparison.Ordinal);
        FileUse use = UseOf(name, text);
        List<(FileUse, string)> files = [.. paths.Take(namesTwo ? 2 : 1).Select((path, index) => (index == 0 && paths.Count > 1 && name is "link" or "linkat" ? FileUse.Look : use, path))];
        if (use is FileUse.Open or FileUse.Change && Opened().Match(text) is { Success: true } opened)
        {
            // A handle of its own that is opened once more is known by what it leads to.
            files.RemoveAll(file => IsOwnHandle().IsMatch(file.Item2));
            files.Add((use, Unescape(opened.Groups[1].Value)));
        }

        return new FileCall(text, name, use == FileUse.Run && files.Count == 0 ? [(use, "a socket")] : files);
    }

    private static FileUse UseOf(string name, string text) => name switch
    {
        "execve" or "execveat" or "connect" => FileUse.Run,
        "stat" or "lstat" or "newfstatat" or "statx" or "access" or "faccessat" or "faccessat2" or "readlink" or "readlinkat" or "statfs" or "getcwd" or "chdir"
            or "getxattr" or "lgetxattr" or "listxattr" or "llistxattr" => FileUse.Look,
        "open" or "openat" or "openat2" => text.Contains("O_PATH", StringComparison.Ordinal) ? FileUse.Look : Writing().IsMatch(text) ? FileUse.Change : FileUse.Open,
        _ => FileUse.Change,
    };

    // What stands between the commas of the call itself: not those in texts, structures and names of handles.
    private static List<string> Arguments(string text, int from)
    {
        List<string> arguments = [];
        int depth = 0;
        int start = from;
        for (int i = from; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"':
                    for (i++; i < text.Length && text[i] != '"'; i += text[i] == '\\' ? 2 : 1)
                    {
                    }

                    break;
                case '(' or '[' or '{' or '<':
                    depth++;
                    break;
                case ')' when depth == 0:
                    arguments.Add(text[start..i].Trim());
                    return arguments;
                case ')' or ']' or '}' or '>':
                    depth--;
                    break;
                case ',' when depth == 0:
                    arguments.Add(text[start..i].Trim());
                    start = i + 1;
                    break;
            }
        }

        arguments.Add(text[start..].Trim());
        return arguments;
    }

    /// <summary>strace prints bytes that are no printable ASCII as C does.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        List<byte> bytes = [];
        foreach (Match match in Escaped().Matches(text))
        {
            string piece = match.Value;
            bytes.AddRange(piece switch
            {
                "\\n" => [(byte)'\n'],
                "\\t" => [(byte)'\t'],
                "\\r" => [(byte)'\r'],
                "\\v" => [(byte)'\v'],
                "\\f" => [(byte)'\f'],
                ['\\', >= '0' and <= '7', ..] => [(byte)Convert.ToInt32(piece[1..], 8)],
                ['\\', var other] => [(byte)other],
                _ => Encoding.UTF8.GetBytes(piece),
            });
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    [GeneratedRegex(@"\\[0-7]{1,3}|\\.|[^\\]+")]
    private static partial Regex Escaped();

    [GeneratedRegex(@"^<\.\.\. \w+ resumed>")]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^(?:AT_FDCWD|\d+)<(.*)>$", RegexOptions.Singleline)]
    private static partial Regex Handle();

    [GeneratedRegex(@"^/proc/self/fd/\d+$")]
    private static partial Regex IsOwnHandle();

    [GeneratedRegex(@"\bO_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)\b")]
    private static partial Regex Writing();

    [GeneratedRegex(@" = \d+<(.*?)>(?:\(deleted\))?$", RegexOptions.Singleline)]
    private static partial Regex Opened();
}
