namespace QedVd.Cli.CommandLine;

/// <summary>Paths as a user gives them.</summary>
internal static class HostPath
{
    /// <summary>The full path. On a command line, and only there, a relative path starts at the process's working folder.</summary>
    public static string Full(string path)
    {
        if (path.Length == 0)
        {
            throw new CliException("an empty file name was given; name a file.");
        }

#pragma warning disable RS0030 // the one place where the working folder is what the user means
        return Path.GetFullPath(path);
#pragma warning restore RS0030
    }

    /// <summary>Whether two full paths lead to one file, as far as links tell.</summary>
    public static bool IsSame(string first, string second) => Final(first) == Final(second);

    /// <summary>
    /// A file below or beside the one that the user named, spelt as the user spelt that one: relative stays relative, as qemu-img prints it.
    /// </summary>
    public static string LikeGiven(string given, string full)
    {
        if (Path.IsPathFullyQualified(given))
        {
            return full;
        }

        string folder = Path.GetDirectoryName(Full(given))!;
        string relative = Path.GetRelativePath(folder, full);
        return Path.IsPathFullyQualified(relative) ? full : Path.Combine(Path.GetDirectoryName(given) ?? "", relative);
    }

    private static string Final(string path) => (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName : null) ?? path;
}
