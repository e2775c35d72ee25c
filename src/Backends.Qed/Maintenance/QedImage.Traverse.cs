using System.Runtime.CompilerServices;

namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    private const int TraverseChunkBytes = 64 << 10;

    /// <inheritdoc/>
    /// <remarks>
    /// What has been written is committed first, then the tables are read from the storage: all that was acknowledged before the call and has not been
    /// changed since is in the answer. Entries that name no possible place are left out, as they are for readers; the check tells them. What L1 or an
    /// L2 table says beyond the disk's end has no place on the disk (-1).
    /// </remarks>
    public override async IAsyncEnumerable<MetadataChunk> TraverseAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        QedHeader header = Header;
        QedGeometry geometry = header.Geometry;
        long sizeBytes = header.VirtualSizeBytes;
        int entriesInUse = geometry.L1EntriesFor(sizeBytes);
        yield return new MetadataChunk(MetadataChunkKind.Header, 0, header.HeaderAreaBytes);
        yield return new MetadataChunk(MetadataChunkKind.TopTable, header.L1TableOffset, geometry.TableBytes, 0);

        await _census.TakeAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        MetadataWalk walk = new(_storage, header, TraverseChunkBytes);
        DataRuns runs = new(geometry, sizeBytes);
        while (await NextTableAsync(walk, header, cancellationToken).ConfigureAwait(false))
        {
            if (!await LocateTableAsync(walk, header, cancellationToken).ConfigureAwait(false))
            {
                continue;
            }

            yield return new MetadataChunk(
                MetadataChunkKind.Table, walk.TableOffset, geometry.TableBytes, walk.L1Index < entriesInUse ? walk.L1Index * geometry.BytesPerL2 : -1);
            while (await NextEntriesAsync(walk, header, cancellationToken).ConfigureAwait(false))
            {
                runs.Add(walk.L1Index, walk.FirstIndex, walk.Entries, new QedReferenceRules(header, _storage.GetLength()), _knownTables);
                foreach (MetadataChunk run in runs.Complete)
                {
                    yield return run;
                }

                runs.Complete.Clear();
            }

            // Before the next table, which a run may go on in, but not over.
            runs.End();
            foreach (MetadataChunk run in runs.Complete)
            {
                yield return run;
            }

            runs.Complete.Clear();
        }
    }

    private async ValueTask<bool> NextTableAsync(MetadataWalk walk, QedHeader header, CancellationToken cancellationToken)
    {
        int slot = _epochs.Enter();
        try
        {
            ThrowIfReplaced(header);
            return await walk.NextTableAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary>Where the table lies now: it may have moved, or gone, since its L1 entry was read. False where there is none, or in no possible place.</summary>
    private async ValueTask<bool> LocateTableAsync(MetadataWalk walk, QedHeader header, CancellationToken cancellationToken)
    {
        int slot = _epochs.Enter();
        try
        {
            ThrowIfReplaced(header);
            if (!HasSettledTables && walk.L1Index < header.Geometry.L1EntriesFor(header.VirtualSizeBytes))
            {
                walk.MoveTable(await _map.LookupTableAsync<AsyncIo>(walk.L1Index, cancellationToken).ConfigureAwait(false));
            }

            return walk.TableOffset != 0 && new QedReferenceRules(header, _storage.GetLength()).CheckTable(unchecked((ulong)walk.TableOffset)) == QedReferenceProblem.None;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.Corrupt)
        {
            return false;
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary>A table may have moved since its L1 entry was read; inside a request it stays where it is.</summary>
    private async ValueTask<bool> NextEntriesAsync(MetadataWalk walk, QedHeader header, CancellationToken cancellationToken)
    {
        int slot = _epochs.Enter();
        try
        {
            ThrowIfReplaced(header);
            if (!HasSettledTables && walk.L1Index < header.Geometry.L1EntriesFor(header.VirtualSizeBytes))
            {
                long table = await _map.LookupTableAsync<AsyncIo>(walk.L1Index, cancellationToken).ConfigureAwait(false);
                if (table == 0)
                {
                    return false;
                }

                walk.MoveTable(table);
            }

            return await walk.NextEntriesAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    private void ThrowIfReplaced(QedHeader header)
    {
        QedHeader now = Header;
        if (now.L1TableOffset != header.L1TableOffset || now.Geometry != header.Geometry || now.VirtualSizeBytes < header.VirtualSizeBytes)
        {
            throw new ImageException(ImageErrorKind.InUse, $"{Name}: the tables were replaced, or the disk became smaller, while they were gone through; begin again.", Name, "traverse");
        }
    }
}
