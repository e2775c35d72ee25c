using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace QedVd.Backends.Qed;

/// <summary>Looks at many table entries at a time.</summary>
internal static class EntryRuns
{
    /// <summary>How many entries, from <paramref name="start"/>, follow each other by <paramref name="stride"/>; at least 1.</summary>
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
    public static int Same(ReadOnlySpan<ulong> entries, int start, ulong value)
    {
        int other = entries[start..].IndexOfAnyExcept(value);
        return other < 0 ? entries.Length - start : other;
    }
}
