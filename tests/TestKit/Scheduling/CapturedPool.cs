using System.Linq.Expressions;
using System.Reflection;

namespace QedVd.TestKit;

/// <summary>
/// What one thread would hand to the thread pool, kept from it: continuations of asynchronous methods, <see cref="Task.Run(Action)"/> and the like that begin
/// on the thread stay in a queue of its own, which no worker of the pool knows, until somebody on the thread takes them out and carries them out.
/// </summary>
/// <remarks>
/// The runtime has no public way to see a continuation behind <c>ConfigureAwait(false)</c>. A thread of the pool has a queue of its own that others steal from;
/// this gives such a queue to a thread that is none of the pool's and strikes it from the list to steal from. The names are those of .NET 10; where
/// they are missing, the constructor says so.
/// </remarks>
internal sealed class CapturedPool
{
    private const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Action<Task, Thread?> s_execute = Find(typeof(Task), "ExecuteFromThreadPool").CreateDelegate<Action<Task, Thread?>>();
    private static readonly Func<Task, ExecutionContext?> s_contextOfTask = FindContextOfTask();
    private static readonly Dictionary<Type, Func<object, ExecutionContext?>> s_contextOf = [];
    private static readonly Lock s_lock = new();

    private readonly Func<object?> _pop;
    private readonly Func<bool> _canSteal;

    /// <summary>Captures what the calling thread hands to the pool from now on, for the rest of its life.</summary>
    public CapturedPool()
    {
        if (Thread.CurrentThread.IsThreadPoolThread)
        {
            throw new InvalidOperationException("A thread of the pool cannot be kept from it; start one of your own.");
        }

        object pool = typeof(ThreadPool).GetField("s_workQueue", All)?.GetValue(null) ?? throw Missing("ThreadPool.s_workQueue");
        object locals = Find(pool.GetType(), "GetOrCreateThreadLocals").Invoke(pool, null)!;
        object queue = locals.GetType().GetField("workStealingQueue", All)?.GetValue(locals) ?? throw Missing("ThreadPoolWorkQueueThreadLocals.workStealingQueue");
        Type list = pool.GetType().GetNestedType("WorkStealingQueueList", All) ?? throw Missing("ThreadPoolWorkQueue.WorkStealingQueueList");
        Find(list, "Remove").Invoke(null, [queue]);
        _pop = Find(queue.GetType(), "LocalPop").CreateDelegate<Func<object?>>(queue);
        _canSteal = (queue.GetType().GetProperty("CanSteal", All)?.GetMethod ?? throw Missing("WorkStealingQueue.CanSteal")).CreateDelegate<Func<bool>>(queue);
    }

    /// <summary>Whether there is anything to take out.</summary>
    public bool HasItems => _canSteal();

    /// <summary>Takes out everything, in the order in which it came.</summary>
    public void TakeAll(List<object> items)
    {
        int first = items.Count;
        while (_pop() is { } item)
        {
            items.Add(item);
        }

        items.Reverse(first, items.Count - first);
    }

    /// <summary>Carries an item out, on the calling thread.</summary>
    public static void Execute(object item)
    {
        if (item is Task task)
        {
            s_execute(task, null);
        }
        else
        {
            ((IThreadPoolWorkItem)item).Execute();
        }
    }

    /// <summary>The execution context that an item will run in, where that can be told.</summary>
    public static ExecutionContext? ContextOf(object item)
    {
        lock (s_lock)
        {
            if (!s_contextOf.TryGetValue(item.GetType(), out Func<object, ExecutionContext?>? get))
            {
                s_contextOf.Add(item.GetType(), get = FindContext(item.GetType()));
            }

            return get(item);
        }
    }

    // The box of an asynchronous method has a field for it.
    private static Func<object, ExecutionContext?> FindContext(Type type)
    {
        for (Type? at = type; at is not null; at = at.BaseType)
        {
            if (at.GetField("Context", All | BindingFlags.DeclaredOnly) is { } field && field.FieldType == typeof(ExecutionContext))
            {
                ParameterExpression item = Expression.Parameter(typeof(object));
                return Expression.Lambda<Func<object, ExecutionContext?>>(Expression.Field(Expression.Convert(item, at), field), item).Compile();
            }
        }

        return typeof(Task).IsAssignableFrom(type) ? item => s_contextOfTask((Task)item) : _ => null;
    }

    private static Func<Task, ExecutionContext?> FindContextOfTask() =>
        typeof(Task).GetProperty("CapturedContext", All)?.GetMethod?.CreateDelegate<Func<Task, ExecutionContext?>>() ?? (_ => null);

    private static MethodInfo Find(Type type, string name) => type.GetMethod(name, All | BindingFlags.DeclaredOnly) ?? throw Missing($"{type.Name}.{name}");

    private static NotSupportedException Missing(string what) => new($"This runtime ({Environment.Version}) has no {what}: its thread pool cannot be taken over, and no schedule be explored.");
}
