using System.Globalization;

namespace QedVd.TestKit;

/// <summary>
/// What <c>./test --long NAME [--minutes N] [--seed S]</c> asks for. A test that can search longer carries <c>[Trait("Long", NAME)]</c>,
/// draws its seed from <see cref="Seed"/> (and prints it), and stops after <see cref="Budget"/>.
/// </summary>
public static class LongRun
{
    private const double MinutesUnlessTold = 10;

    /// <summary>True when this search was asked for by name.</summary>
    public static bool IsAsked(string name) => Environment.GetEnvironmentVariable("QEDVD_LONG") == name;

    /// <summary>How long a search may take: <paramref name="usual"/> in a normal run, the minutes asked for in a long one.</summary>
    public static TimeSpan Budget(string name, TimeSpan usual)
    {
        if (!IsAsked(name))
        {
            return usual;
        }

        string? minutes = Environment.GetEnvironmentVariable("QEDVD_LONG_MINUTES");
        return TimeSpan.FromMinutes(string.IsNullOrEmpty(minutes) ? MinutesUnlessTold : double.Parse(minutes, CultureInfo.InvariantCulture));
    }

    /// <summary>The one case given with <c>--case</c>, to be looked at alone; null: as many as there are.</summary>
    public static long? Case => Environment.GetEnvironmentVariable("QEDVD_CASE") is { Length: > 0 } number ? long.Parse(number, CultureInfo.InvariantCulture) : null;

    /// <summary>Whether a seed was given with <c>--seed</c>.</summary>
    public static bool HasSeed => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("QEDVD_SEED"));

    /// <summary>The seed given with <c>--seed</c>, or a new one. Print it: with it the run can be repeated.</summary>
    public static long Seed()
    {
        string? seed = Environment.GetEnvironmentVariable("QEDVD_SEED");
        return string.IsNullOrEmpty(seed) ? Random.Shared.NextInt64() : long.Parse(seed, CultureInfo.InvariantCulture);
    }
}
