namespace QedVd.Backends.Qed;

/// <content>Changing the size of the disk while it is in use.</content>
internal sealed partial class QedImage
{
    private const string ResizeOperation = "resize";

    /// <inheritdoc/>
    /// <remarks>
    /// <para>Sizes are multiples of 512, up to what the cluster size can address with tables of 16 clusters. A size beyond the reach of the present tables
    /// gets larger ones, at the end of the file; the room of the old ones is used again in this session, what is left of it by a compaction or
    /// <c>check -r leaks</c>.</para>
    /// <para>Over something beneath that is longer than the disk, each new cluster that it covers gets a zero marker: room for tables, in proportion to that
    /// part. A shrink that is stopped may have made a part of what lies beyond the smaller size zero.</para>
    /// </remarks>
    public override async ValueTask ResizeAsync(
        long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        await _changeGate.EnterAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            ThrowIfNotWritable(ResizeOperation);
            QedGeometry geometry = ResizeRules.GeometryFor(Header, virtualSizeBytes, mayShrink, Name);
            long old = _virtualSizeBytes;
            if (virtualSizeBytes == old)
            {
                return;
            }

            ResizeProgress told = new(progress);
            if (virtualSizeBytes < old)
            {
                await ShrinkAsync(virtualSizeBytes, told, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await GrowAsync(virtualSizeBytes, geometry, told, cancellationToken).ConfigureAwait(false);
            }

            told.End();
        }
        finally
        {
            _changeGate.Exit();
        }
    }

    /// <summary>
    /// Goes on with a header of another size. All requests that write are held, everything that it needs was written, and what was published is in the
    /// storage.
    /// </summary>
    /// <param name="change">Makes the new header of the present one.</param>
    /// <param name="known">The tables of the new size. Those that are freed by the change may be among them until <see cref="ReclaimAsync"/>.</param>
    /// <param name="onSwitched">Called when the storage has the new header.</param>
    private async ValueTask SwitchSizeAsync(Func<QedHeader, QedHeader> change, KnownTables known, Action? onSwitched = null)
    {
        await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
        QedHeader before = Header;
        QedHeader after = await ReplaceHeaderAsync(change).ConfigureAwait(false);
        onSwitched?.Invoke();
        await SwitchToAsync<AsyncIo>(after, known).ConfigureAwait(false);
        PhysicalGeometry = LogicalGeometry = null;
        RenewWarnings(before, after);
    }

    /// <summary>Makes what the last cluster holds behind the end of the disk zero. Writers of that cluster are held.</summary>
    private async ValueTask ZeroSlackAsync(long endBytes)
    {
        long slack = -endBytes & (_clusterBytes - 1);
        if (slack == 0)
        {
            return;
        }

        MapRun last = await _map.LookupAsync<AsyncIo>(endBytes - 1, 1, CancellationToken.None).ConfigureAwait(false);
        if (last.Kind != ExtentKind.Data)
        {
            return;
        }

        CheckNoTable(last);
        if (CanPunchHoles)
        {
            await _storage.PunchHoleAsync(last.StorageOffset + 1, slack, CancellationToken.None).ConfigureAwait(false);
        }
        else
        {
            await StorageZeros.WriteAsync<AsyncIo>(_storage, last.StorageOffset + 1, slack, CancellationToken.None).ConfigureAwait(false);
        }
    }
}
