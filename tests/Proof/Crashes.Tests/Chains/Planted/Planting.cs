using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains.Planted;

/// <summary>How states are made wrong on purpose.</summary>
internal static class Planting
{
    /// <summary>Where the first cluster of the guest's data lies in an image of the state; -1: there is none, or no such file.</summary>
    public static long DataOf(FolderState state, string name)
    {
        if (!state.Names.TryGetValue(name, out TracedFile? file))
        {
            return -1;
        }

        SparseBytes content = state.Contents[file];
        var image = PlainQed.Open(content.LengthBytes, content.Read);
        for (long offset = 0; offset < image.VirtualSizeBytes; offset += image.ClusterBytes)
        {
            if (image.At(offset) is { Kind: PlainClusterKind.Data } cluster)
            {
                return cluster.FileOffset;
            }
        }

        return -1;
    }

    /// <summary>One byte of a file is another one.</summary>
    public static FolderState Flip(FolderState state, string name, long offset) => offset < 0 ? state : Change(state, name, content =>
    {
        byte[] one = new byte[1];
        content.Read(offset, one);
        content.Write(offset, [(byte)~one[0]]);
    });

    /// <summary>A file holds something else.</summary>
    public static FolderState Change(FolderState state, string name, Action<SparseBytes> change)
    {
        if (!state.Names.TryGetValue(name, out TracedFile? file))
        {
            return state;
        }

        SparseBytes content = state.Contents[file].Clone();
        change(content);
        return state with { Contents = new Dictionary<TracedFile, SparseBytes>(state.Contents) { [file] = content } };
    }

    /// <summary>A name leads to another name's file; where that one has none, it has none either.</summary>
    public static FolderState Name(FolderState state, params ReadOnlySpan<(string Name, string As)> names)
    {
        var changed = new Dictionary<string, TracedFile>(state.Names);
        foreach ((string name, string other) in names)
        {
            changed.Remove(name);
            if (state.Names.TryGetValue(other, out TracedFile? file))
            {
                changed[name] = file;
            }
        }

        return state with { Names = changed };
    }
}
