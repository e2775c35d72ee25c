using System.Globalization;
using System.Text;

namespace QedVd.TestKit;

/// <summary>
/// Runs concurrent asynchronous code on one thread, in an order that a seed decides: which continuation goes on next, which operation of a
/// <see cref="ScheduledStorage"/> takes effect next, and when the clock moves. The same seed gives the same order, so what was found once can be looked at again.
/// </summary>
/// <remarks>
/// <para>A step is one continuation (from one <c>await</c> to the next) or the effect of one operation. What lies between two awaits is not cut in two: races
/// between instructions are for other tests.</para>
/// <para>All of it happens on a thread of <see cref="OnOwnThread"/>. Code that starts threads, waits for the system's clock or blocks on a task is not under
/// control; an operation of a storage that comes from another thread is refused.</para>
/// </remarks>
/// <example><code>
/// Scheduler.OnOwnThread(() =>
/// {
///     var scheduler = new Scheduler(seed);
///     IImageStorage storage = scheduler.Open(file);
///     scheduler.Spawn("writer", async () => await storage.WriteAsync(0, bytes));
///     scheduler.Spawn("reader", async () => await storage.ReadAsync(0, buffer));
///     scheduler.Run();
/// });
/// </code></example>
public sealed class Scheduler
{
    private const int MaxDepth = 3;
    private const int MostPriority = 1 << 20;
    private const int ShownSteps = 40;

    [ThreadStatic]
    private static CapturedPool? s_pool;

    /// <summary>What the calling thread keeps from the pool, if it is one of <see cref="OnOwnThread"/>.</summary>
    internal static CapturedPool? Captured => s_pool;

    private static readonly AsyncLocal<ScheduledActor?> s_actor = new();

    private readonly CapturedPool _pool = s_pool ?? throw new InvalidOperationException($"A scheduler works on a thread of {nameof(Scheduler)}.{nameof(OnOwnThread)}.");
    private readonly Thread _thread = Thread.CurrentThread;
    private readonly Random _random;
    private readonly ExecutionContext _context = ExecutionContext.Capture()!;
    private readonly List<ScheduledActor> _actors = [];
    private readonly List<ScheduledThing> _things = [];
    private readonly List<object> _taken = [];
    private readonly List<(ScheduledActor? Actor, object Label, long Offset, long LengthBytes)> _log = [];
    private readonly HashSet<long> _changes = [];
    private readonly double _timeShare;
    private readonly double _nestShare;
    private ScheduledActor? _running;
    private long _arrivals;
    private int _depth;
    private int _lowest;
    private ulong _fingerprint = 0xCBF29CE484222325;

    /// <summary>A new schedule, with nobody in it.</summary>
    /// <param name="seed">Decides everything.</param>
    /// <param name="policy">How it decides; null: that too by the seed.</param>
    public Scheduler(int seed, SchedulePolicy? policy = null)
    {
        _random = new Random(seed);
        Seed = seed;
        int drawn = _random.Next(3);
        Policy = policy ?? (SchedulePolicy)drawn;

        // Often the clock moves only when nothing else can, sometimes it runs while operations hang.
        _timeShare = _random.Next(3) == 0 ? 0.02 : 0;
        _nestShare = _random.Next(2) == 0 ? 0.3 : 0.8;
        for (int i = _random.Next(5); i > 0; i--)
        {
            _changes.Add(_random.Next(600));
        }

        // What an earlier schedule on this thread has left.
        _pool.TakeAll(_taken);
        _taken.Clear();
    }

    /// <summary>What decides.</summary>
    public int Seed { get; }

    /// <summary>How it decides.</summary>
    public SchedulePolicy Policy { get; }

    /// <summary>The clock of whatever is scheduled. It moves when nothing else can, and sometimes earlier.</summary>
    public FakeTime Time { get; } = new();

    /// <summary>Steps so far: the time in which requests begin and end.</summary>
    public long Step => _log.Count;

    /// <summary>How often the clock has moved.</summary>
    public int Ticks { get; private set; }

    /// <summary>A number for all steps so far: equal when the schedules are.</summary>
    public ulong Fingerprint => _fingerprint;

    /// <summary>A schedule that takes more steps never ends.</summary>
    public long MaxSteps { get; set; } = 200_000;

    /// <summary>Called before each step, with its number.</summary>
    public Action<long>? BeforeStep { get; set; }

    /// <summary>
    /// For a test that needs one order: what goes on only when nothing else can. Asked with the actor's name, what it would be, and at which offset: an
    /// operation's effect ("read"), its answer ("read answered", a step of its own then), or a continuation (the method's name). Null: nothing.
    /// </summary>
    public Func<string, string, long, bool>? HoldsBack { get; set; }

    /// <summary>Operations and continuations that wait for their turn.</summary>
    public int Waiting
    {
        get
        {
            Collect();
            return _things.Count;
        }
    }

    /// <summary>Runs something on a thread that schedulers can work on, and waits for it; throws what it threw.</summary>
    public static void OnOwnThread(Action body)
    {
        ArgumentNullException.ThrowIfNull(body);
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    s_pool = new CapturedPool();
                    body();
                }
#pragma warning disable CA1031 // It is thrown where it was asked for.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(exception);
                }
            },
            16 << 20)
        { IsBackground = true, Name = "schedules" };
        thread.UnsafeStart();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>A storage on a file whose operations take effect when the schedule says so.</summary>
    public ScheduledStorage Open(SimulatedFile file, bool readOnly = false)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new ScheduledStorage(this, file.Open(readOnly));
    }

    /// <summary>Adds somebody; begins when the schedule says so.</summary>
    public void Spawn(string name, Func<Task> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        var actor = new ScheduledActor(name, _random.Next(MostPriority));
        _actors.Add(actor);
        Add(actor, "begin", 0, 0, () =>
        {
            s_actor.Value = actor;
            actor.Task = body();
        });
    }

    /// <summary>What the actor that calls is about to do, for the message of a deadlock.</summary>
    public static void Doing(string what)
    {
        if (s_actor.Value is { } actor)
        {
            actor.Doing = what;
        }
    }

    /// <summary>Lets others go first, a number of times.</summary>
    public async ValueTask PauseAsync(int turns = 1)
    {
        for (; turns > 0; turns--)
        {
            await Enqueue("pause", 0, 0, static () => 0).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Goes on until everybody has ended and nothing is left to do; what waits for the clock stays. Throws <see cref="ScheduleException"/> when somebody has not ended
    /// and nothing can go on, or it does not end, and what the first actor that failed threw.
    /// </summary>
    public void Run()
    {
        while (true)
        {
            Collect();
            if (_things.Count > 0)
            {
                bool advance = _timeShare > 0 && _random.NextDouble() < _timeShare && Time.UntilNext is not null;
                if (advance)
                {
                    Advance();
                }
                else
                {
                    StepOnce();
                }

                continue;
            }

            if (_actors.TrueForAll(actor => actor.Task!.IsCompleted))
            {
                break;
            }

            if (Time.UntilNext is null)
            {
                throw new ScheduleException($"Deadlock: nothing can go on, and {_actors.Count(actor => !actor.Task!.IsCompleted)} have not ended.\n{Describe()}");
            }

            Advance();
        }

        foreach (ScheduledActor actor in _actors)
        {
            if (actor.Task!.IsFaulted)
            {
                throw new ScheduleException($"{actor.Name} failed: {actor.Task.Exception!.InnerException!.Message}\n{Describe()}", actor.Task.Exception.InnerException!);
            }
        }

        _actors.Clear();
    }

    /// <summary>For the message of a failure: who has not ended, and the last steps.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"schedule seed {Seed}, {Policy}, {Step} steps");
        foreach (ScheduledActor actor in _actors.Where(actor => actor.Task is not { IsCompleted: true }))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {actor.Name} has not ended: {actor.Doing ?? "?"}; its last step: {actor.Last ?? "none"}");
        }

        for (int i = Math.Max(0, _log.Count - ShownSteps); i < _log.Count; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {i,5} {Describe(i)}");
        }

        return text.ToString();
    }

    /// <summary>A step, for a comparison of two schedules.</summary>
    public string Describe(int step)
    {
        (ScheduledActor? actor, object label, long offset, long length) = _log[step];
        return FormattableString.Invariant($"{actor?.Name ?? "-",-12} {NameOf(label)}{(offset != 0 || length != 0 ? FormattableString.Invariant($" {offset}+{length}") : "")}");
    }

    /// <summary>An operation that takes effect when the schedule says so.</summary>
    internal Task<T> Enqueue<T>(string label, long offset, long lengthBytes, Func<T> effect)
    {
        if (Thread.CurrentThread != _thread)
        {
            throw new ScheduleException($"{label}: an operation on a thread that the schedule does not control.");
        }

        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        ScheduledActor? actor = s_actor.Value;
        Add(actor, label, offset, lengthBytes, () =>
        {
            Action answer;
            try
            {
                T result = effect();
                answer = () => done.SetResult(result);
            }
#pragma warning disable CA1031 // It is the operation's result.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                answer = () => done.SetException(exception);
            }

            if (HoldsBack is null)
            {
                answer();
            }
            else
            {
                Add(actor, $"{label} answered", offset, lengthBytes, answer);
            }
        });
        return done.Task;
    }

    /// <summary>A synchronous operation is about to take effect: others may go on before it, as they would on other threads.</summary>
    internal void BeforeSynchronous(string label, long offset, long lengthBytes)
    {
        if (Thread.CurrentThread != _thread)
        {
            throw new ScheduleException($"{label}: an operation on a thread that the schedule does not control.");
        }

        ScheduledActor? running = _running;
        if (_depth > 0 && _depth < MaxDepth)
        {
            while (_random.NextDouble() < _nestShare && Collect() > 0)
            {
                StepOnce();
            }
        }

        _running = running;
        Log(s_actor.Value ?? running, label, offset, lengthBytes);
    }

    private void Add(ScheduledActor? actor, string label, long offset, long lengthBytes, Action effect) => _things.Add(new ScheduledThing
    {
        Actor = actor,
        Item = effect,
        Label = label,
        Offset = offset,
        LengthBytes = lengthBytes,
        Priority = _random.Next(MostPriority),
        Arrival = _arrivals++,
    });

    // Before anything else is chosen, what was begun since is known.
    private int Collect()
    {
        _pool.TakeAll(_taken);
        foreach (object item in _taken)
        {
            ScheduledActor? actor = _running;
            if (CapturedPool.ContextOf(item) is { } context)
            {
                ExecutionContext.Run(context, _ => actor = s_actor.Value ?? actor, null);
            }

            _things.Add(new ScheduledThing { Actor = actor, Item = item, Label = item.GetType(), Priority = _random.Next(MostPriority), Arrival = _arrivals++ });
        }

        _taken.Clear();
        return _things.Count;
    }

    private void StepOnce()
    {
        if (Step >= MaxSteps)
        {
            throw new ScheduleException($"No end after {Step} steps.\n{Describe()}");
        }

        BeforeStep?.Invoke(Step);
        int index = Choose();
        ScheduledThing thing = _things[index];
        _things.RemoveAt(index);
        Log(thing.Actor, thing.Label, thing.Offset, thing.LengthBytes);
        _running = thing.Actor;
        _depth++;
        try
        {
            if (thing.Item is Action effect)
            {
                // What an actor's begin sets must not stay.
                ExecutionContext.Run(_context, static state => ((Action)state!)(), effect);
            }
            else
            {
                ExecutionContext before = ExecutionContext.Capture()!;
                CapturedPool.Execute(thing.Item);
                ExecutionContext.Restore(before);
            }
        }
        finally
        {
            _depth--;
        }
    }

    private void Advance()
    {
        Log(null, "clock", Time.UntilNext!.Value.Ticks, 0);
        if (Step >= MaxSteps)
        {
            throw new ScheduleException($"No end after {Step} steps.\n{Describe()}");
        }

        Ticks++;
        _running = null;
        Time.Advance(Time.UntilNext!.Value);
    }

    private int Choose()
    {
        if (HoldsBack is { } holds)
        {
            int[] free = [.. Enumerable.Range(0, _things.Count).Where(i => _things[i].Actor is not { } waiting || !holds(waiting.Name, NameOf(_things[i].Label), _things[i].Offset))];
            return free.Length > 0 ? free[_random.Next(free.Length)] : _random.Next(_things.Count);
        }

        if (Policy == SchedulePolicy.Uniform || _things.Count == 1)
        {
            return _random.Next(_things.Count);
        }

        int best = 0;
        for (int i = 1; i < _things.Count; i++)
        {
            if (PriorityOf(_things[i]) > PriorityOf(_things[best]))
            {
                best = i;
            }
        }

        if (_changes.Contains(Step) && Policy == SchedulePolicy.ByActor && _things[best].Actor is { } actor)
        {
            actor.Priority = --_lowest;
        }

        return best;
    }

    private int PriorityOf(ScheduledThing thing) => Policy == SchedulePolicy.ByActor && thing.Actor is { } actor ? actor.Priority : thing.Priority;

    private void Log(ScheduledActor? actor, object label, long offset, long lengthBytes)
    {
        _log.Add((actor, label, offset, lengthBytes));
        if (actor is not null)
        {
            actor.Last = label as string ?? actor.Last;
        }

        Mix(actor?.Name ?? "-");
        Mix(label as string ?? ((Type)label).Name);
        Mix((ulong)offset);
        Mix((ulong)lengthBytes);
    }

    private void Mix(string text)
    {
        foreach (char character in text)
        {
            Mix(character);
        }
    }

    private void Mix(ulong value) => _fingerprint = unchecked((_fingerprint ^ value) * 0x100000001B3);

    private static string NameOf(object label)
    {
        if (label is not Type type)
        {
            return (string)label;
        }

        Type? machine = type.GenericTypeArguments.LastOrDefault(argument => argument.Name.Contains('<', StringComparison.Ordinal));
        return machine is null ? type.Name : $"{machine.DeclaringType?.Name}.{machine.Name[1..Math.Max(1, machine.Name.IndexOf('>', StringComparison.Ordinal))]}";
    }
}
