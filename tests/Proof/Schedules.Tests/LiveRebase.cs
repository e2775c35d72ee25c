using System.Reflection;
using QedVd.Host;

namespace QedVd.Schedules.Tests;

/// <summary>
/// A rebase of a disk in use, from where its new parents are open. <see cref="VirtualDisk.RebaseAsync"/> opens them by their path, and so only for a disk whose top is a
/// file of the host's; here all is in simulated files. What comes then is the disk's own code, and no member that others may call leads there: hence reflection.
/// </summary>
internal static class LiveRebase
{
    private const BindingFlags Private = BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance;
    private const string Operation = "rebase";

    private static readonly Type s_rearrangement = typeof(VirtualDisk).GetNestedType("Rearrangement", Private)!;
    private static readonly MethodInfo s_begin = s_rearrangement.GetMethod("BeginAsync", Private)!;
    private static readonly PropertyInfo s_levels = s_rearrangement.GetProperty("Levels", Private)!;
    private static readonly MethodInfo s_replace = typeof(VirtualDisk).GetMethod("ReplaceParentsAsync", Private)!;
    private static readonly MethodInfo s_closeUnused = typeof(VirtualDisk).GetMethod("CloseUnusedAsync", Private)!;

    /// <summary>Puts the disk over other levels, which are closed in the end if they do not get into it.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="open">Opens them, given the levels as they are; some of these may be among them.</param>
    /// <param name="cancellationToken">The operation's.</param>
    public static async ValueTask RunAsync(VirtualDisk disk, Func<IReadOnlyList<Level>, ValueTask<IReadOnlyList<Level>>> open, CancellationToken cancellationToken)
    {
        object work = (await AwaitAsync(s_begin.Invoke(null, [disk, Operation, cancellationToken])!).ConfigureAwait(false))!;
        await using (((IAsyncDisposable)work).ConfigureAwait(false))
        {
            IReadOnlyList<Level> parents = await open(LevelsOf(work)).ConfigureAwait(false);
            try
            {
                var name = new ParentReference(Path.GetFileName(parents[0].Path));
                await AwaitAsync(s_replace.Invoke(disk, [work, name, parents, new RebaseOptions(), Operation, null])!).ConfigureAwait(false);
            }
            finally
            {
                await AwaitAsync(s_closeUnused.Invoke(disk, [parents, LevelsOf(work)])!).ConfigureAwait(false);
            }
        }
    }

    private static IReadOnlyList<Level> LevelsOf(object work) => (IReadOnlyList<Level>)s_levels.GetValue(work)!;

    // ValueTask, or ValueTask<T> of a T that has no name here.
    private static async ValueTask<object?> AwaitAsync(object valueTask)
    {
        var task = (Task)valueTask.GetType().GetMethod(nameof(ValueTask.AsTask))!.Invoke(valueTask, null)!;
        await task.ConfigureAwait(false);
        return task.GetType().GetProperty(nameof(Task<object>.Result))?.GetValue(task);
    }
}
