namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// Case N of the search, the same one in normal runs and in long ones: a command, and what the volume promises. Neighbours are the same command on both kinds of
/// volumes, so that a round meets each command on both.
/// </summary>
/// <param name="Number">Its number.</param>
internal readonly record struct ChainCase(long Number)
{
    private static readonly string[] s_names = [.. ChainCommand.All.Keys];

    /// <summary>So many cases meet everything.</summary>
    public static int Round => 2 * s_names.Length;

    public string Name => s_names[(int)(Number % Round / 2)];

    /// <summary>Whether what was never written reads zero after a power loss.</summary>
    public bool PromisesZeros => Number % 2 == 0;

    /// <summary>The first case of a command on such a volume.</summary>
    public static ChainCase Of(string name, bool promisesZeros) => new((2 * Array.IndexOf(s_names, name)) + (promisesZeros ? 0 : 1));
}
