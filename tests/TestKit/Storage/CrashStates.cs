namespace QedVd.TestKit;

/// <summary>Makes the states that a crash may leave of what was recorded on a <see cref="SimulatedFile"/>, one after the other, lazily.</summary>
public static class CrashStates
{
    /// <summary>
    /// The process is killed (crash model M0): what had taken effect stays, and of the operation under way any prefix in steps of
    /// <paramref name="stepBytes"/>.
    /// </summary>
    public static IEnumerable<CrashState> OfProcessKill(SimulatedFile file, int stepBytes = SparseBytes.SectorBytes)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stepBytes);
        return Enumerate();

        IEnumerable<CrashState> Enumerate()
        {
            (SparseBytes content, StorageOperation[] trace) = file.Recording();
            yield return Killed(file, content, 0, "killed before the first operation");
            foreach (StorageOperation operation in trace)
            {
                if (operation.Kind == StorageOperationKind.Write)
                {
                    for (int length = stepBytes; length < operation.LengthBytes; length += stepBytes)
                    {
                        SparseBytes part = content.Clone();
                        part.Write(operation.Offset, operation.Data.Span[..length]);
                        yield return Killed(file, part, operation.Index, $"killed in {operation} after {length} bytes");
                    }
                }

                Apply(operation, content);
                yield return Killed(file, content, operation.Index + 1, $"killed after {operation}");
            }
        }
    }

    /// <summary>The power is lost when <paramref name="position"/> entries of the trace had taken effect (crash models M1 and M2).</summary>
    public static IEnumerable<CrashState> OfPowerLoss(SimulatedFile file, int position, PowerLossOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Enumerate();

        IEnumerable<CrashState> Enumerate()
        {
            (SparseBytes initial, StorageOperation[] trace) = file.Recording();
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)position, (uint)trace.Length, nameof(position));
            int durable = DurableAt(trace, position);
            foreach (StorageOperation operation in trace.AsSpan(0, durable))
            {
                Apply(operation, initial);
            }

            foreach (CrashState state in new PowerLoss(file, initial, position, trace.AsSpan(durable, position - durable), options ?? new PowerLossOptions()).States())
            {
                yield return state;
            }
        }
    }

    /// <summary>The power is lost at each position in turn.</summary>
    public static IEnumerable<CrashState> OfPowerLoss(SimulatedFile file, PowerLossOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Enumerate();

        IEnumerable<CrashState> Enumerate()
        {
            (SparseBytes content, StorageOperation[] trace) = file.Recording();
            int applied = 0;
            for (int position = 0; position <= trace.Length; position++)
            {
                for (int durable = DurableAt(trace, position); applied < durable; applied++)
                {
                    Apply(trace[applied], content);
                }

                foreach (CrashState state in new PowerLoss(file, content, position, trace.AsSpan(applied, position - applied), options ?? new PowerLossOptions()).States())
                {
                    yield return state;
                }
            }
        }
    }

    internal static void Apply(StorageOperation operation, SparseBytes content)
    {
        switch (operation.Kind)
        {
            case StorageOperationKind.Write:
                content.Write(operation.Offset, operation.Data.Span);
                break;
            case StorageOperationKind.SetLength:
                content.SetLength(operation.Offset);
                break;
            case StorageOperationKind.PunchHole:
                content.PunchHole(operation.Offset, operation.LengthBytes);
                break;
            case StorageOperationKind.Allocate:
                content.Allocate(operation.Offset, operation.LengthBytes);
                break;
            default:
                break;
        }
    }

    internal static CrashState Killed(SimulatedFile file, SparseBytes content, int position, string description)
    {
        SparseBytes left = content.Clone();
        bool isGarbageElsewhere = (file.Facts & StorageFacts.NeverWrittenReadsZero) == 0;
        UInt128 hash = isGarbageElsewhere ? StateHash.OfKept(left) : StateHash.Of(left, left.LengthBytes, leavesGarbage: false);
        return new CrashState(position, hash, () => new SimulatedFile(file.Name, file.Facts, left), () => description);
    }

    /// <summary>What barriers cover that had completed before the position.</summary>
    internal static int DurableAt(StorageOperation[] trace, int position)
    {
        int durable = 0;
        foreach (StorageOperation operation in trace.AsSpan(0, position))
        {
            durable = Math.Max(durable, operation.CoveredCount);
        }

        return durable;
    }
}
