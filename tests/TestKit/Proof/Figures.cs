namespace QedVd.TestKit;

/// <summary>Hands what a test counted to <c>./test</c>, which adds it up and prints it before its closing line.</summary>
public static class Figures
{
    private static readonly Lock s_lock = new();

    /// <summary>Adds to the sum of a measure. Without <c>./test</c> around the process it goes nowhere.</summary>
    public static void Add(Measure measure, long count, long wrong)
    {
        ArgumentNullException.ThrowIfNull(measure);
        Write(FormattableString.Invariant($"{measure.Name}\t{measure.Wrong}\t{count}\t{wrong}\n"));
    }

    /// <summary>Says that a test which counts this was skipped, so that nobody waits for as much as it would have counted.</summary>
    public static void Skip(Measure measure)
    {
        ArgumentNullException.ThrowIfNull(measure);
        Write($"{measure.Name}\tskipped\n");
    }

    private static void Write(string line)
    {
        string? folder = Environment.GetEnvironmentVariable("QEDVD_FIGURES");
        if (string.IsNullOrEmpty(folder))
        {
            return;
        }

        lock (s_lock)
        {
            File.AppendAllText(Path.Combine(folder, $"{Environment.ProcessId}.figures"), line);
        }
    }
}
