namespace QedVd.TestKit;

/// <summary>Hands what a test counted to <c>./test</c>, which adds it up and prints it before its closing line.</summary>
public static class Figures
{
    private static readonly Lock s_lock = new();

    /// <summary>Adds to the sum of a measure. Without <c>./test</c> around the process it goes nowhere.</summary>
    public static void Add(Measure measure, long count, long wrong)
    {
        ArgumentNullException.ThrowIfNull(measure);
        string? folder = Environment.GetEnvironmentVariable("QEDVD_FIGURES");
        if (string.IsNullOrEmpty(folder))
        {
            return;
        }

        lock (s_lock)
        {
            File.AppendAllText(Path.Combine(folder, $"{Environment.ProcessId}.figures"), FormattableString.Invariant($"{measure.Name}\t{measure.Wrong}\t{count}\t{wrong}\n"));
        }
    }
}
