using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>An exception that nobody can catch, because a plugin threw it on a thread of its own or in a finalizer: it is told, and ends the plugin's thread, not the program.</summary>
internal static class StrayFault
{
    public static bool Handle(Exception exception)
    {
        if (FindPlugin(exception) is not { } plugin)
        {
            return false;
        }

        Console.Error.WriteLine(DisplayText.Escape(
            $"qedvd: {plugin} failed on a thread of its own ({exception.GetType().Name}: {exception.Message}); the program goes on. Report this to the plugin's author."));
        return true;
    }

    // Each plugin has a load context with its name; what stands nearest to the throw did it.
    private static string? FindPlugin(Exception exception) => new StackTrace(exception).GetFrames()
        .Select(frame => frame.GetMethod()?.Module.Assembly)
        .Select(assembly => assembly is null ? null : AssemblyLoadContext.GetLoadContext(assembly))
        .FirstOrDefault(context => context is not null && context != AssemblyLoadContext.Default && context != AssemblyLoadContext.GetLoadContext(Assembly.GetExecutingAssembly()))?
        .Name;
}
