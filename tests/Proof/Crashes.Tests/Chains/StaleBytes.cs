using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// Crash model M2: what was never written of a file that grew holds whatever lay on the medium after a power loss, <see cref="SparseBytes.Garbage"/> here.
/// Of what the file was before it is not assumed, even where it was cut and grew again in between; nor of a raw file that was there: it has no place to note how
/// much of it counts, and until the growth is durable its new part is not promised to be zero.
/// </summary>
internal static class StaleBytes
{
    /// <summary>The state with such bytes; the same one where there are none, or only a process was killed.</summary>
    public static FolderState In(FolderState state)
    {
        if (state.Kind is FolderCrashKind.Killed or FolderCrashKind.KilledWithin)
        {
            return state;
        }

        Dictionary<TracedFile, SparseBytes> contents = state.Contents.ToDictionary(pair => pair.Key, pair => IsRaw(pair.Key) ? pair.Value : Spoil(pair.Value, pair.Key.WasThere ? pair.Key.Initial.LengthBytes : 0));
        return contents.All(pair => ReferenceEquals(pair.Value, state.Contents[pair.Key]))
            ? state
            : state with { Contents = contents, Description = $"{state.Description}; what was never written is not zero" };
    }

    private static bool IsRaw(TracedFile file) => file.WasThere && file.Name.EndsWith(".raw", StringComparison.Ordinal);

    private static SparseBytes Spoil(SparseBytes content, long knownBytes)
    {
        SparseBytes? spoilt = null;
        byte[] garbage = new byte[SparseBytes.SectorBytes];
        garbage.AsSpan().Fill(SparseBytes.Garbage);
        for (long offset = (knownBytes + SparseBytes.SectorBytes - 1) / SparseBytes.SectorBytes * SparseBytes.SectorBytes; offset < content.LengthBytes; offset += SparseBytes.SectorBytes)
        {
            if (!content.IsWritten(offset / SparseBytes.SectorBytes))
            {
                spoilt ??= content.Clone();
                spoilt.Write(offset, garbage.AsSpan(0, (int)Math.Min(garbage.Length, content.LengthBytes - offset)));
            }
        }

        return spoilt ?? content;
    }
}
