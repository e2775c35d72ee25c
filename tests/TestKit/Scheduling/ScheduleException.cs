namespace QedVd.TestKit;

/// <summary>A schedule that ended as it must not: nobody can go on, or it never ends. The message has the last steps.</summary>
public sealed class ScheduleException : Exception
{
    /// <summary>With nothing to say.</summary>
    public ScheduleException()
    {
    }

    /// <summary>With a message.</summary>
    public ScheduleException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    public ScheduleException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
