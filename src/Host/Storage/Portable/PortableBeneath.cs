namespace QedVd.Host;

/// <summary>
/// Finds out where a path below a folder leads, links included, and refuses what leaves it. Unlike the Linux form this looks at names, so it
/// holds only as long as nobody else renames things meanwhile.
/// </summary>
internal static class PortableBeneath
{
    private const int MaxLinks = 40;

    public static string Resolve(string root, string path)
    {
        Stack<string> components = new();
        Push(components, Path.IsPathRooted(path) ? RemainderOf(root, path) : path);
        List<string> resolved = [];
        int links = 0;
        while (components.TryPop(out string? name))
        {
            if (name == "..")
            {
                if (resolved.Count == 0)
                {
                    throw Refused(root, path);
                }

                resolved.RemoveAt(resolved.Count - 1);
                continue;
            }

            string here = Path.Combine([root, .. resolved, name]);
            if (new FileInfo(here).LinkTarget is not { } target)
            {
                resolved.Add(name);
            }
            else if (Path.IsPathRooted(target))
            {
                throw Refused(root, path);
            }
            else if (++links > MaxLinks)
            {
                throw OpenErrors.From(Errno.ELOOP, path, readOnly: true, root);
            }
            else
            {
                Push(components, target);
            }
        }

        return Path.Combine([root, .. resolved]);
    }

    private static ImageException Refused(string root, string path) => OpenErrors.From(Errno.EXDEV, path, readOnly: true, root);

    private static string RemainderOf(string root, string path)
    {
        string prefix = Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar;
        return path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : throw Refused(root, path);
    }

    private static void Push(Stack<string> components, string path)
    {
        string[] names = path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        for (int i = names.Length - 1; i >= 0; i--)
        {
            if (names[i] is not ("" or "."))
            {
                components.Push(names[i]);
            }
        }
    }
}
