using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace QedVd.Backends.Qed;

/// <summary>
/// Looks at many table entries at a time. Compiled in full at first use: code with wide vectors is not kept ahead of time, and what is compiled in
/// haste is slower here than the reading.
/// </summary>
internal static class EntryRuns
{
    /// <summary>How many entries, from <paramref name="start"/>, follow each other by <paramref name="stride"/>; at least 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Ascending(ReadOnlySpan<ulong> entries, int start, ulong stride)
    {
        unchecked
        {
            int at = start + 1;
            if (at >= entries.Length || entries[at] - entries[start] != stride)
            {
                return 1;
            }

            ref ulong first = ref MemoryMarshal.GetReference(entries);
            if (Vector256.IsHardwareAccelerated)
            {
                Vector256<ulong> step = Vector256.Create(stride);
                while (at + Vector256<ulong>.Count <= entries.Length)
                {
                    Vector256<ulong> now = Vector256.LoadUnsafe(ref first, (nuint)at);
                    Vector256<ulong> before = Vector256.LoadUnsafe(ref first, (nuint)at - 1);
                    if (now - before != step)
                    {
                        break;
                    }

                    at += Vector256<ulong>.Count;
                }
            }

            while (at < entries.Length && entries[at] - entries[at - 1] == stride)
            {
                at++;
            }

            return at - start;
        }
    }

    /// <summary>How many entries, from <paramref name="start"/>, have the same <paramref name="value"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Same(ReadOnlySpan<ulong> entries, int start, ulong value)
    {
        int at = start;
        ref ulong first = ref MemoryMarshal.GetReference(entries);
        if (Vector256.IsHardwareAccelerated)
        {
            const int Step = 4;
            Vector256<ulong> wanted = Vector256.Create(value);
            for (; at + (4 * Step) <= entries.Length; at += 4 * Step)
            {
                Vector256<ulong> other = (Vector256.LoadUnsafe(ref first, (nuint)at) ^ wanted)
                    | (Vector256.LoadUnsafe(ref first, (nuint)at + Step) ^ wanted)
                    | (Vector256.LoadUnsafe(ref first, (nuint)at + (2 * Step)) ^ wanted)
                    | (Vector256.LoadUnsafe(ref first, (nuint)at + (3 * Step)) ^ wanted);
                if (other != Vector256<ulong>.Zero)
                {
                    break;
                }
            }
        }

        while (at < entries.Length && entries[at] == value)
        {
            at++;
        }

        return at - start;
    }
}
