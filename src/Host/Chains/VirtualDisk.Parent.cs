namespace QedVd.Host;

/// <content>The name under which the top knows its parent.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Stores another parent name in the top image. The name only: this disk goes on with the levels that it was opened with, and the new name counts when
    /// the image is opened again. That the new parent reads as the old one, where the top holds nothing, is the caller's affair.
    /// </summary>
    /// <remarks>From then on this disk stores also what equals the levels beneath it, so that nothing that is written meanwhile depends on them.
    /// Safe against a crash: the old name or the new one. On failure the old name stands.</remarks>
    /// <param name="parentPath">The parent's file, recorded relative to the image's folder where that means the same to everybody; null: none.</param>
    /// <param name="options">How it is recorded; null: as said, and the format is found out by opening the parent.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.NotSupported"/>, <see cref="ImageErrorKind.ReadOnly"/>;
    /// <see cref="ImageErrorKind.InvalidArgument"/> for a name that does not fit; what finding out the format throws.</exception>
    public async ValueTask SetParentNameAsync(string? parentPath, SetParentOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new SetParentOptions();
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        RequireWritable("change");
        RequireCapability(ImageCapabilities.SetParent, "change the parent's name in");
        if (_host is null)
        {
            throw ImageException.NotSupported("setting the parent of a disk that no host has opened", Path);
        }

        ParentReference? parent = await ParentNaming.MakeAsync(_host.Opener, Path, parentPath, options, turn.Token).ConfigureAwait(false);

        // First of all nothing relies any more on reading zero, or anything else, where the top holds nothing.
        Generation old = _generation;
        await PublishAsync(old.WithRenamedParent()).ConfigureAwait(false);
        try
        {
            await old.Levels[0].AskAsync(ComposingLevel, image => image.SetBeneathAsync(Beneath.Unknown, turn.Token), turn.Token).ConfigureAwait(false);
            await old.Levels[0].AskAsync(RelinkingLevel, image => image.SetParentAsync(parent, turn.Token), turn.Token).ConfigureAwait(false);
        }
        catch
        {
            await TellOldBeneathAsync(old).ConfigureAwait(false);
            throw;
        }
    }

    // The image before the host: until then the host asks for more than it needs, which is always right.
    private async ValueTask TellOldBeneathAsync(Generation old)
    {
        try
        {
            await old.Levels[0].AskAsync(ComposingLevel, image => image.SetBeneathAsync(old.Beneath, CancellationToken.None), CancellationToken.None).ConfigureAwait(false);
        }
        catch (ImageException)
        {
            // It goes on over something unknown, and so does the host; what was the matter is in the error that is on its way.
            return;
        }

        await PublishAsync(old.Remade()).ConfigureAwait(false);
    }
}
