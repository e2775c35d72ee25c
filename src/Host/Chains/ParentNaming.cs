namespace QedVd.Host;

/// <summary>Works out what an image shall store as the name of its parent.</summary>
internal static class ParentNaming
{
    /// <summary>The reference to store; null for none. Opens the parent only when its format has to be found out.</summary>
    public static async ValueTask<ParentReference?> MakeAsync(ImageOpener opener, string imagePath, string? parentPath, SetParentOptions options, CancellationToken cancellationToken)
    {
        if (parentPath is null)
        {
            return null;
        }

        if (options.Verbatim)
        {
            var named = new ParentReference(parentPath);
            string? format = options.Format;
            if (format is null)
            {
                (string place, string? root) = new ReferencePolicy(Path.GetDirectoryName(imagePath), new DiskOpenOptions()).Locate(named, imagePath, level: 1);
                format = await FindFormatAsync(opener, imagePath, place, root, cancellationToken).ConfigureAwait(false);
            }

            return DiskHost.ParentToRecord(parentPath, format);
        }

        string full = HostPath.GetFull(parentPath);
        if (full == imagePath)
        {
            throw Itself(imagePath);
        }

        return DiskHost.ParentToRecord(
            RelativeName.Of(full, imagePath, options.AbsoluteName),
            options.Format ?? await FindFormatAsync(opener, imagePath, full, root: null, cancellationToken).ConfigureAwait(false));
    }

    private static async ValueTask<string> FindFormatAsync(ImageOpener opener, string imagePath, string parentPath, string? root, CancellationToken cancellationToken)
    {
        try
        {
            var options = new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None, BeneathRoot = root };
            using FileStorage parent = FileStorage.Open(parentPath, options);
            using (FileStorage image = FileStorage.Open(imagePath, options with { BeneathRoot = null }))
            {
                if (image.Identity == parent.Identity)
                {
                    throw Itself(imagePath);
                }
            }

            return (await opener.ProbeAsync<AsyncIo>(parent, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: true);
        }
        catch (ImageException exception) when (exception.Operation != "set parent")
        {
            throw new ImageException(
                exception.Kind,
                $"{DisplayText.Escape(imagePath)}: the format of the parent '{DisplayText.Escape(parentPath)}' cannot be found out; give it (Format, -F). {exception.Message}",
                parentPath,
                "set parent",
                innerException: exception);
        }
    }

    private static ImageException Itself(string imagePath) =>
        new(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(imagePath)}: an image cannot be its own parent. Name another file.", imagePath, "set parent");
}
