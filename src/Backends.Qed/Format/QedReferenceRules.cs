namespace QedVd.Backends.Qed;

/// <summary>What offsets a table entry may hold, for a header and a file length. Entries that mean something else (0, and 1 in L2) are the caller's.</summary>
internal readonly struct QedReferenceRules
{
    private readonly ulong _clusterMask;
    private readonly ulong _tableBytes;
    private readonly ulong _clusterBytes;
    private readonly ulong _headerEnd;
    private readonly ulong _l1Start;
    private readonly ulong _l1End;

    public QedReferenceRules(QedHeader header, long fileLengthBytes)
    {
        _clusterBytes = (ulong)header.Geometry.ClusterBytes;
        _clusterMask = _clusterBytes - 1;
        _tableBytes = (ulong)header.Geometry.TableBytes;
        _headerEnd = (ulong)header.HeaderAreaBytes;
        _l1Start = (ulong)header.L1TableOffset;
        _l1End = (ulong)header.L1TableEnd;
        FileEnd = (ulong)header.Geometry.RoundDown(fileLengthBytes);
    }

    /// <summary>Where the header area ends.</summary>
    public ulong HeaderEnd => _headerEnd;

    /// <summary>Where the last whole cluster of the file ends.</summary>
    public ulong FileEnd { get; }

    /// <summary>Judges an L1 entry other than 0.</summary>
    public QedReferenceProblem CheckTable(ulong offset) => Check(offset, _tableBytes);

    /// <summary>Judges an L2 entry other than 0 and 1.</summary>
    public QedReferenceProblem CheckCluster(ulong offset) => Check(offset, _clusterBytes);

    /// <summary>From a valid data cluster: how many bytes follow in the file before the next place where no data may be.</summary>
    public ulong RoomFrom(ulong offset) => (offset < _l1Start ? Math.Min(_l1Start, FileEnd) : FileEnd) - offset;

    /// <summary>The same in words, to follow "entry 5 is 4711: ".</summary>
    public string Describe(QedReferenceProblem problem) => problem switch
    {
        QedReferenceProblem.Unaligned => $"no multiple of the cluster size {_clusterBytes}",
        QedReferenceProblem.OutsideFile => $"not inside the file, whose last whole cluster ends at {FileEnd}",
        QedReferenceProblem.InHeader => $"inside the header area, which ends at {_headerEnd}",
        QedReferenceProblem.InL1 => $"inside the L1 table at {_l1Start} to {_l1End}",
        _ => "valid",
    };

    private QedReferenceProblem Check(ulong offset, ulong lengthBytes)
    {
        if ((offset & _clusterMask) != 0)
        {
            return QedReferenceProblem.Unaligned;
        }

        if (lengthBytes > FileEnd || offset > FileEnd - lengthBytes)
        {
            return QedReferenceProblem.OutsideFile;
        }

        if (offset < _headerEnd)
        {
            return QedReferenceProblem.InHeader;
        }

        return offset < _l1End && offset + lengthBytes > _l1Start ? QedReferenceProblem.InL1 : QedReferenceProblem.None;
    }
}
