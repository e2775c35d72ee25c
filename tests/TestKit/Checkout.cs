namespace QedVd.TestKit;

/// <summary>Where the running tests find the files of the repository and what was built from it.</summary>
public static class Checkout
{
    /// <summary>The folder that holds <c>QedVd.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The configuration that the tests were built in, as the build output's folders spell it: <c>release</c> or <c>debug</c>.</summary>
    public static string Configuration { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <summary>The version named in <c>Directory.Build.props</c>, as assemblies carry it.</summary>
    public static Version Version { get; } = typeof(Checkout).Assembly.GetName().Version!;

    /// <summary>The built command line program; it lies beside its <c>plugins</c> folder.</summary>
    public static string CommandLine => Path.Combine(OutputOf("QedVd.Cli"), OperatingSystem.IsWindows() ? "QedVd.Cli.exe" : "QedVd.Cli");

    /// <summary>The build output folder of a project, in the configuration of the running tests.</summary>
    public static string OutputOf(string projectName)
    {
        string outputs = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", ".."));
        return Path.Combine(outputs, projectName, Configuration);
    }

    /// <summary>A path inside the repository, parts joined.</summary>
    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "QedVd.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above '{AppContext.BaseDirectory}' holds QedVd.sln. Run the tests inside the repository.");
    }
}
