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
        long firstCluster = geometry.RoundDown(offset);
        long end = offset + lengthBytes;
        if (!beneath.MayHoldDataAt(firstCluster))
        {
            return lengthBytes;
        }

        if (offset != firstCluster)
        {
            return 0;
        }

        // The tail may be a part of a cluster if that lies beyond everything beneath.
        long tail = geometry.RoundDown(end);
        return end >= virtualSizeBytes || !beneath.MayHoldDataAt(tail) ? lengthBytes : tail - offset;
    }

    /// <summary>The answer for the first cluster of a free run, of which the request covers a part only.</summary>
    public static WriteResult AnswerFirstCluster(in QedGeometry geometry, long offset, long lengthBytes) =>
        AnswerFree(geometry, offset, Math.Min(lengthBytes, geometry.RoundDown(offset) + geometry.ClusterBytes - offset));

    /// <summary>The answer for a free run: what the host has to supply in front and behind.</summary>
    public static WriteResult AnswerFree(in QedGeometry geometry, long offset, long lengthBytes)
    {
        long end = offset + lengthBytes;
        long lastEnd = geometry.RoundDown(end - 1) + geometry.ClusterBytes;
        return WriteResult.Free(lengthBytes, offset - geometry.RoundDown(offset), lastEnd - end);
    }
}
