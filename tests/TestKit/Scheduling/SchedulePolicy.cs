namespace QedVd.TestKit;

/// <summary>How a <see cref="Scheduler"/> chooses what goes on next.</summary>
public enum SchedulePolicy
{
    /// <summary>Any of what can go on, each as likely as the other.</summary>
    Uniform = 0,

    /// <summary>
    /// Each actor has a random priority, and the highest that can go on does; at a few random steps the one that goes on falls below all others. Finds what needs
    /// one actor to stand still for long while others finish.
    /// </summary>
    ByActor = 1,

    /// <summary>Each operation and each continuation has a random priority of its own: some of them wait for very long.</summary>
    ByStep = 2,
}
