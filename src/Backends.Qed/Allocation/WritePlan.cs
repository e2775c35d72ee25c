namespace QedVd.Backends.Qed;

/// <summary>What may be done about a write to a run that has no clusters.</summary>
internal static class WritePlan
{
    /// <summary>
    /// How much of a free run, from its start, may be given clusters: whole ones, and parts of those beneath which there is nothing.
    /// The last cluster of the disk counts as whole when the disk's end is reached. 0: the host has to supply the rest of the first one.
    /// </summary>
    public static long AllocatableBytes(in QedGeometry geometry, Beneath beneath, long virtualSizeBytes, long offset, long lengthBytes)
    {
        // The last cluster of the largest disk ends at 2^63: ends are not computed.
        long firstCluster = geometry.RoundDown(offset);
        if (!beneath.MayHoldDataAt(firstCluster))
        {
            return lengthBytes;
        }

        if (offset != firstCluster)
        {
            return 0;
        }

        // The tail may be a part of a cluster if that lies beyond everything beneath.
        long wholeBytes = geometry.RoundDown(lengthBytes);
        return lengthBytes >= virtualSizeBytes - offset || !beneath.MayHoldDataAt(offset + wholeBytes) ? lengthBytes : wholeBytes;
    }

    /// <summary>The answer for the first cluster of a free run, of which the request covers a part only.</summary>
    public static WriteResult AnswerFirstCluster(in QedGeometry geometry, long offset, long lengthBytes) =>
        AnswerFree(geometry, offset, Math.Min(lengthBytes, geometry.ClusterBytes - InCluster(geometry, offset)));

    /// <summary>The answer for a free run: what the host has to supply in front and behind.</summary>
    public static WriteResult AnswerFree(in QedGeometry geometry, long offset, long lengthBytes)
    {
        long pre = InCluster(geometry, offset);
        long inLast = InCluster(geometry, pre + lengthBytes);
        return WriteResult.Free(lengthBytes, pre, inLast == 0 ? 0 : geometry.ClusterBytes - inLast);
    }

    private static long InCluster(in QedGeometry geometry, long offset) => offset - geometry.RoundDown(offset);
}
