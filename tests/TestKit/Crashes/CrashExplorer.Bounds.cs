namespace QedVd.TestKit;

/// <content>What may have leaked, and which headers there have been.</content>
public sealed partial class CrashExplorer
{
    private StorageOperation[]? _trace;
    private List<(int Position, string Header)>? _headers;

    /// <summary>
    /// I6. What was written or reserved since the last flush (what a commit has made durable is not linked yet), what was unlinked since then, what each opening
    /// had unlinked before (once for each block: what is free is used before the file grows), and the room ahead of need: half a step is left when the next
    /// is taken. Of a recovery: what had leaked, a block for each entry that is cleared, and what is written until the file grows again, for which it has grown.
    /// </summary>
    private long MostLeakBytes(int position, long lengthBytes)
    {
        long ahead = 3 * (_subject.GrowthStepBytes?.Invoke(lengthBytes) ?? 0) / 2;
        if (_recoveryTrace is not null)
        {
            int next = Array.FindIndex(_recoveryTrace, position, operation => operation.Kind == StorageOperationKind.SetLength);
            return _leaksBeforeRecovery + WrittenBytes(_recoveryTrace, 0, next < 0 ? _recoveryTrace.Length : next) + ahead;
        }

        _trace ??= [.. _recording.File.Trace];
        int flushed = _recording.History.Flushes.Where(flush => flush.Completed < position).Select(flush => flush.Begun).DefaultIfEmpty(0).Max();
        IEnumerable<CrashRecording.FreedRoom> freed = _recording.Freed.Where(room => room.Begun < position);
        long blocks = freed.Count(room => room.Block >= 0 && room.Begun >= flushed) + freed.Where(room => room.Block >= 0 && room.Begun < flushed).Distinct().DistinctBy(room => (room.Opening, room.Block)).Count();
        return WrittenBytes(_trace, flushed, position) + (blocks * _recording.BlockBytes) + freed.Sum(room => room.TableBytes) + ahead + _subject.LeakAllowanceBytes;
    }

    private long WrittenBytes(StorageOperation[] trace, int start, int end)
    {
        HashSet<long> blocks = [];
        foreach (StorageOperation operation in trace.AsSpan(start, end - start))
        {
            if (operation.Kind is StorageOperationKind.Write or StorageOperationKind.Allocate)
            {
                for (long block = operation.Offset / _recording.BlockBytes; block * _recording.BlockBytes < operation.Offset + operation.LengthBytes; block++)
                {
                    blocks.Add(block);
                }
            }
        }

        return (long)blocks.Count * _recording.BlockBytes;
    }

    /// <summary>
    /// The headers that may be found after a crash at a place: those that were there when a step began or had ended, the one under way included, and those
    /// that were written as one.
    /// </summary>
    private IEnumerable<string> HeadersAt(int position)
    {
        if (_headersOfRecovery is not null)
        {
            return _headersOfRecovery;
        }

        _headers ??= [.. HeadersOf(_recording.File)];
        int last = _headers.FindIndex(header => header.Position >= position);
        return _headers.Take(last < 0 ? _headers.Count : last + 1).Select(header => header.Header);
    }

    private IEnumerable<(int Position, string Header)> HeadersOf(SimulatedFile file)
    {
        (SparseBytes content, StorageOperation[] trace) = file.Recording();
        yield return (-1, HeaderOf(content));
        foreach (StorageOperation operation in trace)
        {
            CrashStates.Apply(operation, content);
            bool isHeader = operation.Kind == StorageOperationKind.Write && operation.Offset == 0 && operation.LengthBytes >= _subject.HeaderBytes;
            if (isHeader || operation.Kind == StorageOperationKind.Mark)
            {
                yield return (operation.Index, HeaderOf(content));
            }
        }
    }

    private string HeaderOf(SparseBytes content) => _subject.HeaderOf!(new SimulatedFile(_recording.File.Name, _recording.File.Facts, content.Clone()));
}
