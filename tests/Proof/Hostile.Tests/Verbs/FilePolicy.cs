using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using QedVd.Hostile.Tests.Cases;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Which files a verb may look at, open and change: its own and the runtime's, what it was given, and what policy lets the image name.</summary>
/// <param name="folder">Where the case lies.</param>
/// <param name="line">The verb.</param>
/// <param name="image">The file that it was given, by its name in the folder of the case.</param>
/// <param name="program">The program that was run.</param>
internal sealed partial class FilePolicy(CaseFolder folder, VerbLine line, string image, string program)
{
    private static readonly string s_runtime = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    private readonly string _program = Path.GetDirectoryName(program)!;

    /// <summary>What names an image and does not open a parent: <c>probe</c>, <c>info</c>, <c>check</c> and their like leave all else in the folder alone.</summary>
    private readonly bool _isAlone = line.Need is Need.Probe or Need.Header or Need.AsQed or Need.Check or Need.Repair or Need.Pieces;

    /// <summary>What lists the folder: it learns what each link there leads to, as the framework's listing does, and opens none.</summary>
    private readonly bool _isListing = line.Need is Need.Folder or Need.Link || line.Name is "snapshot";

    /// <summary>What the call must not do; null: it may do all that it does.</summary>
    public string? Forbidden(FileCall call)
    {
        if (call.IsReadingALink && call.Files is [(_, var link), ..] && link == Target(folder[image]))
        {
            // Whether what the user names is a link: asked of all that its links lead to, and no link at last.
            return null;
        }

        if (_isListing && call.IsStat && call.Files is [(_, var entry)] && Path.GetDirectoryName(entry) == folder.In)
        {
            return null;
        }

        // What the user names is opened, wherever a link leads, and looked at by its handle.
        bool isImage = call.Files.Count > 0 && call.Files[0].Path == folder[image];
        foreach ((FileUse use, string path) in isImage ? call.Files.Take(1) : call.Files.Concat(Targets(call)))
        {
            if (!May(use, path))
            {
                return $"must not {use switch { FileUse.Look => "look at", FileUse.Open => "open", FileUse.Change => "change", _ => "run" }} {path}: {call.Text}";
            }
        }

        return null;
    }

    private static IEnumerable<(FileUse Use, string Path)> Targets(FileCall call)
    {
        foreach ((FileUse use, string path) in call.FollowsLinks ? call.Files : [])
        {
            if (path.StartsWith("/proc/", StringComparison.Ordinal))
            {
                // Of a process that has ended.
                continue;
            }

            if (Target(path) is { } target)
            {
                yield return (use, target);
            }
        }
    }

    private static string? Target(string link)
    {
        try
        {
            return new FileInfo(link).ResolveLinkTarget(returnFinalTarget: true)?.FullName;
        }
        catch (IOException)
        {
            // It leads to itself: nothing lies behind it.
            return null;
        }
    }

    private bool May(FileUse use, string path)
    {
        if (use == FileUse.Run)
        {
            return path == program;
        }

        if (IsAtOrBelow(path, folder.Out))
        {
            return true;
        }

        if (IsAtOrBelow(path, folder.In))
        {
            return MayInFolder(use, path);
        }

        return use switch
        {
            FileUse.Look => !IsAtOrBelow(path, folder.Outside) && (MayOpenElsewhere(path) || IsLookedAtByTheRuntime().IsMatch(path) || IsAbove(path)),
            FileUse.Open => MayOpenElsewhere(path),
            _ => IsWrittenByTheRuntime().IsMatch(path),
        };
    }

    private bool MayInFolder(FileUse use, string path)
    {
        string name = Path.GetFileName(path);
        bool isImage = path == folder[image];
        // Temporary ones, and files without any name, are made beside what they will be.
        bool isNew = name == "new.qed" || name.StartsWith('.') || name.StartsWith('#');
        return use switch
        {
            FileUse.Change => !line.IsReading && (isImage || isNew || path == folder.In || line.Need == Need.Parent),
            _ => isImage || path == folder.In || !_isAlone || (isNew && !line.IsReading),
        };
    }

    private bool MayOpenElsewhere(string path) =>
        IsAtOrBelow(path, s_runtime) || IsAtOrBelow(path, _program) || path == folder.Sound || path == Path.GetDirectoryName(folder.Sound) || path == folder.WriteInput || IsReadByTheRuntime().IsMatch(path);

    /// <summary>On the way to something that may be opened: every part of a path is looked at that is freed of links.</summary>
    private bool IsAbove(string path) => new[] { s_runtime, _program, folder.In, folder.Out }.Any(below => IsAtOrBelow(below, path));

    private static bool IsAtOrBelow(string path, string folder) => path == folder || path.StartsWith(folder.EndsWith('/') ? folder : folder + "/", StringComparison.Ordinal);

    [GeneratedRegex(@"^(/usr)?/lib(64)?/|^/etc/(ld\.so\.cache|localtime|dotnet/install_location(_\w+)?)$|^/sys/|^/dev/(u?random|null)$|^/proc/(meminfo|fs/.*|cpuinfo|filesystems|sys/.*)$|^/proc/(self|\d+)/(maps|mountinfo|cgroup|status|statm?|limits|fd|task/\d+/comm)$|^/usr/share/zoneinfo")]
    private static partial Regex IsReadByTheRuntime();

    [GeneratedRegex(@"^(/usr)?/lib(64)?$|^/etc/ld\.so\.preload$|^/proc(/self|/\d+)?(/exe|/fd/\d+)?$")]
    private static partial Regex IsLookedAtByTheRuntime();

    [GeneratedRegex(@"^/dev/null$|^/dev/shm/(sem\.)?clr|^/memfd:|^/proc/(self|\d+)/task/\d+/comm$")]
    private static partial Regex IsWrittenByTheRuntime();
}
