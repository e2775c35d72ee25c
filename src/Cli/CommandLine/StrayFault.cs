using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>
/// An exception that nobody can catch, because a plugin threw it on a thread of its own or in a finalizer: it is told, and ends the plugin's thread, not the
/// program. What the program's own plugins throw there is a bug of the program, which ends as one.
/// </summary>
internal static class StrayFault
{
    private static readonly string s_ownFolders = Path.Combine(AppContext.BaseDirectory, "plugins", "QedVd.Backends.");

    private static volatile bool s_wasTold;

    public static bool Handle(Exception exception)
    {
        if (FindForeignPlugin(exception) is not { } plugin)
        {
            return false;
        }

        s_wasTold = true;
        Console.Error.WriteLine(DisplayText.Escape(
            $"qedvd: {plugin} failed on a thread of its own ({exception.GetType().Name}: {exception.Message}); the program goes on. Report this to the plugin's author."));
        return true;
    }

    /// <summary>The program's exit code: nobody knows what that thread was to do, so that all is well is not said.</summary>
    public static int ExitCodeFor(int code) => s_wasTold && code == ExitCode.Ok ? ExitCode.Failed : code;

    // Each plugin has a load context with its name; what stands nearest to the throw did it.
    private static string? FindForeignPlugin(Exception exception)
    {
        Assembly? thrower = new StackTrace(exception).GetFrames().Select(frame => frame.GetMethod()?.Module.Assembly).FirstOrDefault(IsPlugin);
        return thrower is null || IsOwn(thrower) ? null : AssemblyLoadContext.GetLoadContext(thrower)!.Name;
    }

    private static bool IsPlugin(Assembly? assembly) =>
        assembly is not null
        && AssemblyLoadContext.GetLoadContext(assembly) is { } context
        && context != AssemblyLoadContext.Default
        && context != AssemblyLoadContext.GetLoadContext(Assembly.GetExecutingAssembly());

    // By place and name: others may lie beside them.
    private static bool IsOwn(Assembly assembly) => assembly.Location.StartsWith(s_ownFolders, StringComparison.Ordinal);
}
