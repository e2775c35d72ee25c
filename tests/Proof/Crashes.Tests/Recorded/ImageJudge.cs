using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>
/// Judges states of one image by a second reader of the format. An image with the flag is taken as the next opening takes it: what cannot be followed is cleared.
/// </summary>
/// <param name="start">What the guest read when the recording began.</param>
/// <param name="steps">What it did.</param>
/// <param name="parentOf">What lies beneath an image that names this parent; null: nothing.</param>
internal sealed class ImageJudge(byte[] start, GuestStep[] steps, Func<string?, byte[]?> parentOf)
{
    private const int Sector = 512;

    /// <summary>How many steps are durable, whatever happens, at each position of a trace: those before a flush after which something else was begun.</summary>
    public int DurableSteps(IReadOnlyList<StorageOperation> trace, int position)
    {
        if (position == trace.Count)
        {
            return steps.Length;
        }

        int durable = 0;
        for (int step = 0; step < steps.Length; step++)
        {
            if (steps[step].Pattern != 0 && trace.Take(position).Any(each => each.Kind == StorageOperationKind.Write && each.Data.Span.Contains(steps[step].Pattern) && each.LengthBytes >= Sector && IsFilled(each, steps[step].Pattern)))
            {
                durable = Math.Max(durable, Array.FindLastIndex(steps, step, each => each.IsFlush) + 1);
            }
        }

        return durable;
    }

    public StateVerdict Judge(byte[] image, int durableSteps)
    {
        PlainQed plain;
        try
        {
            plain = PlainQed.Open(image.Length, ReaderOf(image));
        }
        catch (PlainQedException)
        {
            return StateVerdict.Unopenable;
        }

        StateVerdict verdict = plain.Check().Corruptions == 0 ? StateVerdict.Right : plain.NeedsCheck ? StateVerdict.BadReferenceFlagged : StateVerdict.BadReferenceTrusted;
        byte[] durable = [.. start];
        foreach (GuestStep step in steps.Take(durableSteps))
        {
            step.Apply(durable);
        }

        byte[] parent = parentOf(plain.ParentName) ?? new byte[start.Length];
        byte[] now = new byte[start.Length];
        ReadAt below = ReaderOf(parent);
        for (int offset = 0; offset < now.Length; offset += plain.ClusterBytes)
        {
            Span<byte> cluster = now.AsSpan(offset, plain.ClusterBytes);
            if (plain.At(offset).Kind != PlainClusterKind.Invalid)
            {
                plain.Read(offset, cluster, below);
            }
            else if (plain.NeedsCheck)
            {
                parent.AsSpan(offset, plain.ClusterBytes).CopyTo(cluster);
            }
            else
            {
                // Counted already; it reads as an error.
                durable.AsSpan(offset, plain.ClusterBytes).CopyTo(cluster);
            }
        }

        for (int offset = 0; offset < now.Length; offset += Sector)
        {
            ReadOnlySpan<byte> sector = now.AsSpan(offset, Sector);
            if (!sector.SequenceEqual(durable.AsSpan(offset, Sector)) && !IsFromLaterStep(sector, offset, durableSteps))
            {
                verdict |= sector.Contains(SparseBytes.Garbage) ? StateVerdict.Garbage : StateVerdict.WrongData;
            }
        }

        return verdict;
    }

    private bool IsFromLaterStep(ReadOnlySpan<byte> sector, int offset, int durableSteps)
    {
        foreach (GuestStep step in steps.AsSpan(durableSteps))
        {
            if (offset >= step.Offset && offset < step.Offset + step.LengthBytes && !sector.ContainsAnyExcept(step.Pattern))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsFilled(StorageOperation write, byte pattern) => write.Data.Span.IndexOf(pattern) is var at && at + Sector <= write.Data.Length && !write.Data.Span.Slice(at, Sector).ContainsAnyExcept(pattern);

    internal static ReadAt ReaderOf(byte[] bytes) => (offset, buffer) =>
    {
        int count = (int)Math.Clamp(bytes.Length - offset, 0, buffer.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(buffer);
        return count;
    };
}
