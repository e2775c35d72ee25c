namespace QedVd.Backends.Qed;

/// <content>Changing the parent's name.</content>
internal sealed partial class QedImage
{
    private const string SetParentOperation = "set parent";

    private ParentReference? _parent;
    private IReadOnlyList<string> _warnings;

    // Whether the host has said what lies beneath this parent; until then the name says what to assume.
    private bool _isBeneathTold;

    /// <inheritdoc/>
    public override ParentReference? Parent => Volatile.Read(ref _parent);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Warnings => Volatile.Read(ref _warnings);

    /// <inheritdoc/>
    /// <remarks>
    /// <para>The name is stored inside the header area, in a place that the old one does not need; then one sector makes it the parent's. A name of 1 to
    /// 4095 bytes without NUL is refused when it finds no room beside the old one. QED says of a parent's format only whether it is raw.</para>
    /// <para>With a new name the image acts as over something unknown until it is told otherwise. With none, what was free reads as zero from the next
    /// opening on: bringing content over before is the caller's work; the image acts on what it was told until it is told otherwise.</para>
    /// <para>With unknown compatible features the parent can be cleared, not set.</para>
    /// </remarks>
    public override async ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default)
    {
        await _changeGate.EnterAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            ThrowIfNotWritable(SetParentOperation);
            if (parent is not null)
            {
                await NameParentAsync(parent, cancellationToken).ConfigureAwait(false);
            }
            else if ((Header.Features & QedFeatures.BackingFile) != 0)
            {
                await ClearParentAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _changeGate.Exit();
        }
    }

    private void ThrowIfNotWritable(string operation)
    {
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: {operation}: open for reading only.", Name, operation);
        }

        _writer.ThrowIfFenced(operation);
    }

    private async ValueTask ClearParentAsync(CancellationToken cancellationToken)
    {
        // Whatever was brought over from the parent comes first.
        await _writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        QedHeader before = Header;
        QedHeader after = await ReplaceHeaderAsync(header => header with
        {
            Features = header.Features & ~(QedFeatures.BackingFile | QedFeatures.BackingFormatNoProbe),
            BackingNameSize = 0,
        }).ConfigureAwait(false);
        NoteParent(null, before, after);
        if (!_isBeneathTold)
        {
            Volatile.Write(ref _beneath, new BeneathHolder(Beneath.Nothing));
        }
    }

    private async ValueTask NameParentAsync(ParentReference parent, CancellationToken cancellationToken)
    {
        QedHeader before = Header;
        ParentReference? old = Parent;
        byte[] name = parent.NameBytes.ToArray();
        ParentName.Check(name, Name, SetParentOperation);
        if (old is not null && old.NameBytes.SequenceEqual(name) && old.IsRaw == parent.IsRaw)
        {
            return;
        }

        if (before.UnknownCompatFeatures != 0)
        {
            throw new ImageException(
                ImageErrorKind.UnsupportedFeature,
                $"{Name}: the parent's name is not set: the image has compatible features 0x{before.UnknownCompatFeatures:x} that are not known here and may use the header area; the parent can only be cleared.",
                Name,
                SetParentOperation);
        }

        long place = FindPlace(before, old, name);
        BeneathHolder beneath = _beneath;
        try
        {
            // As for any change of what lies beneath: what may be lost as zeros over nothing must not be lost as something else over a parent.
            Volatile.Write(ref _beneath, new BeneathHolder(Beneath.Unknown));
            await _epochs.WaitForEarlierAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            await _storage.WriteAsync(place, name, cancellationToken).ConfigureAwait(false);
            await _writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            QedHeader after = await ReplaceHeaderAsync(header => header with
            {
                Features = (header.Features & ~QedFeatures.BackingFormatNoProbe) | QedFeatures.BackingFile | (parent.IsRaw ? QedFeatures.BackingFormatNoProbe : 0),
                BackingNameOffset = (uint)place,
                BackingNameSize = (uint)name.Length,
            }).ConfigureAwait(false);
            NoteParent(new ParentReference(name, parent.IsRaw ? ParentReference.Raw : null), before, after);
            _isBeneathTold = false;
        }
        catch
        {
            Volatile.Write(ref _beneath, beneath);
            throw;
        }
    }

    private long FindPlace(QedHeader header, ParentReference? old, ReadOnlySpan<byte> name) =>
        ParentName.FindPlace(header.HeaderAreaBytes, header.BackingNameOffset, old is null ? [] : old.NameBytes, name)
        ?? throw ParentName.Refuse(
            Name,
            SetParentOperation,
            header.HeaderAreaBytes < QedHeader.SizeBytes + name.Length
                ? $"the parent's name has {name.Length} bytes, and the header area of {header.HeaderAreaBytes} bytes has room for {header.HeaderAreaBytes - QedHeader.SizeBytes}; choose a shorter one"
                : $"the parent's name has {name.Length} bytes, and the header area of {header.HeaderAreaBytes} bytes has no room for it beside the old one of {old!.NameBytes.Length} bytes at {header.BackingNameOffset}, which a crash must still find; choose a shorter one, or set a short one first");

    private void NoteParent(ParentReference? parent, QedHeader before, QedHeader after)
    {
        Volatile.Write(ref _parent, parent);
        RenewWarnings(before, after);
    }

    /// <summary>What was said of the old header goes, what there is to say of the new one comes.</summary>
    private void RenewWarnings(QedHeader before, QedHeader after, string? further = null)
    {
        long length = Start.FileLengthBytes;
        List<string> warnings = [.. QedWarnings.Of(after, length), .. _warnings.Except(QedWarnings.Of(before, length))];
        if (further is not null)
        {
            warnings.Add(further);
        }

        Volatile.Write(ref _warnings, warnings);
    }
}
