namespace QedVd.Cli.Tests.Killing;

/// <summary>A call of an undisturbed run that changes a file, a folder, or what is durable of them.</summary>
/// <param name="Position">Its number among all calls, from 1, in the order in which they ended.</param>
/// <param name="Call">Its name.</param>
/// <param name="Nth">Its number among those of that name that its thread made, from 1: how strace counts where it lets calls fail.</param>
/// <param name="Kind">Its name, and whether it is for a folder: a barrier of that is another thing than one of a file.</param>
internal readonly record struct CallPoint(int Position, string Call, int Nth, string Kind);
