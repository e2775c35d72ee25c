using Xunit;

namespace QedVd.TestKit;

/// <summary>Programs of others that tests run ours against.</summary>
public static class Peers
{
    /// <summary>
    /// Returns the full path of a program on PATH. Where it is missing the test is skipped with the reason;
    /// in CI (<see cref="InContinuousIntegration"/>) it fails, because there <c>./test</c> has installed every peer.
    /// </summary>
    /// <param name="program">Its name.</param>
    /// <param name="counted">What the test would have counted, and now does not.</param>
    public static string Require(string program, params ReadOnlySpan<Measure> counted)
    {
        string? path = Find(program);
        if (path is not null)
        {
            return path;
        }

        string reason = $"'{program}' is not on PATH. ./test installs it where it may (root or passwordless sudo).";
        if (InContinuousIntegration)
        {
            Assert.Fail(reason + " In CI a missing peer is a failure.");
        }

        foreach (Measure measure in counted)
        {
            Figures.Skip(measure);
        }

        Assert.Skip(reason);
        return program;
    }

    /// <summary>Returns the full path of a program on PATH, or null.</summary>
    public static string? Find(string program)
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }

    /// <summary>True where the environment says CI: <c>QEDVD_CI=1</c>, which <c>./test</c> also sets when it finds <c>CI=true</c>.</summary>
    public static bool InContinuousIntegration => Environment.GetEnvironmentVariable("QEDVD_CI") == "1";
}
