using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace QedVd.Host;

/// <summary>Takes one plugin from a path to validated backends, or to a reason. Touches no state of the catalogue, holds no lock.</summary>
internal sealed class PluginActivator(BackendCatalogOptions options)
{
    private const int MaxAttempts = 10;

    public PluginEntry Load(string name, string path)
    {
        PluginMetadata? metadata = null;
        try
        {
            metadata = PluginMetadataReader.Read(path);
            PluginGate.Check(metadata);
            return ActivateInTime(name, path, metadata);
        }
        catch (PluginRefusedException exception)
        {
            return Refused(name, path, exception.Message, metadata);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Refused(name, path, $"it could not be read ({PluginText.Describe(exception)}).", metadata);
        }
    }

    public static PluginEntry Refused(string name, string path, string reason, PluginMetadata? metadata = null) =>
        new(Report(name, path, PluginState.Refused, metadata) with { Reason = PluginText.OneLine(reason) });

    private static PluginReport Report(string name, string path, PluginState state, PluginMetadata? metadata) => new()
    {
        Name = name,
        Path = path,
        State = state,
        ContractVersion = metadata?.ContractVersion,
        AssemblyVersion = metadata?.AssemblyVersion,
        TargetFramework = metadata?.TargetFramework is { } framework ? PluginText.OneLine(framework) : null,
    };

    private PluginEntry ActivateInTime(string name, string path, PluginMetadata metadata)
    {
        Task<PluginEntry> activating = PluginCall.Start(() => Activate(name, path, metadata));
        if (SyncIo.Complete(PluginCall.HasReturnedAsync<SyncIo>(activating, options.Time, CancellationToken.None)))
        {
            return activating.GetAwaiter().GetResult();
        }

        _ = DiscardLateAsync(activating);
        throw new PluginRefusedException($"it has not come back from its constructor or its Info for {PluginCall.Limit.TotalSeconds:F0} s, and is not waited for any longer.");
    }

    // It may come back after all: nobody wants it any more.
    private async Task DiscardLateAsync(Task<PluginEntry> activating)
    {
        try
        {
            PluginEntry late = await activating.ConfigureAwait(false);
            TryDispose(late.Leave(options.Time).Context);
        }
        catch (PluginRefusedException)
        {
            // Refused already.
        }
    }

    private PluginEntry Activate(string name, string path, PluginMetadata metadata)
    {
        IPluginContext context = LoadThisBuild(name, path, metadata);
        try
        {
            foreach (AssemblyName reference in PluginGate.UncertainReferences(metadata, path))
            {
                Guard("did not load", () => context.LoadReference(reference));
            }

            RegisteredBackend[] backends = [.. metadata.Backends.Select(declared => Create(name, declared, context.MainAssembly))];
            PluginReport report = Report(name, path, PluginState.Loaded, metadata) with { Backends = [.. backends.Select(backend => backend.Info)] };
            return PluginEntry.Loaded(report, context, backends);
        }
        catch
        {
            TryDispose(context);
            throw;
        }
    }

    /// <summary>The runtime knows files by their path: it gives out the one that was there before for as long as it has not let go of that.</summary>
    private IPluginContext LoadThisBuild(string name, string path, PluginMetadata metadata)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (TryLoad(name, path, metadata.ModuleVersionId) is { } context)
            {
                return context;
            }

            if (attempt == MaxAttempts || !options.AreUnloadable)
            {
                throw new PluginRefusedException("the runtime still holds another file that was loaded from this path before. Wait until that is unloaded, or restart the program.");
            }

            // It lets go of the file a little later than of what was in it.
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    // Not inlined: the context must not linger on the stack while its end is waited for.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private IPluginContext? TryLoad(string name, string path, Guid build)
    {
        IPluginContext context = Guard("did not load", () => options.Loader.Load(new PluginLoadRequest(name, path, options.AreUnloadable, PluginGate.SharedAssemblies)));
        if (context.MainAssembly.ManifestModule.ModuleVersionId == build)
        {
            return context;
        }

        TryDispose(context);
        return null;
    }

    private static RegisteredBackend Create(string name, DeclaredBackend declared, Assembly assembly)
    {
        Type type = Guard($"does not offer its class '{declared.TypeName}'", () => assembly.GetType(declared.TypeName, throwOnError: true)!);
        if (!Guard($"does not offer its class '{declared.TypeName}'", () => typeof(IImageBackend).IsAssignableFrom(type)))
        {
            throw new PluginRefusedException($"the class '{declared.TypeName}' does not implement IImageBackend.");
        }

        object backend = Guard($"failed in the constructor of '{declared.TypeName}'", () => Activator.CreateInstance(type)!);
        BackendInfo? info = Guard($"failed in the Info of '{declared.TypeName}'", () => ((IImageBackend)backend).Info);
        return Guard($"failed in the Info of '{declared.TypeName}'", () => new RegisteredBackend((IImageBackend)backend, BackendInfoRules.Copy(info, declared.TypeName), name));
    }

    /// <summary>Runs what may run code of the plugin, and turns whatever it throws into a reason.</summary>
    private static T Guard<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception exception) when (exception is not (PluginRefusedException or OutOfMemoryException))
        {
            throw new PluginRefusedException(Explain(what, exception));
        }
    }

    private static string Explain(string what, Exception exception)
    {
        Exception cause = exception;
        while (cause is TargetInvocationException or TypeInitializationException && cause.InnerException is { } inner)
        {
            what = cause is TypeInitializationException initializer ? $"failed in the static initialisation of '{PluginText.OneLine(initializer.TypeName)}'" : what;
            cause = inner;
        }

        return cause switch
        {
            // The whole identity of an assembly holds a comma; a plain file name does not.
            FileNotFoundException { FileName: { } missing } when missing.Contains(',', StringComparison.Ordinal) =>
                $"it needs the assembly '{PluginText.OneLine(missing)}', which is neither in its folder nor part of the program.",
            DllNotFoundException => $"it {what}: a native library is missing ({PluginText.OneLine(cause.Message)}).",
            BadImageFormatException => $"it {what}: it is damaged, or was built for another processor ({PluginText.OneLine(cause.Message)}).",
            MissingMethodException or TypeLoadException or MissingFieldException =>
                $"it {what}: it does not fit this version of the program or of a library ({PluginText.OneLine(cause.Message)}).",
            _ => $"it {what} ({PluginText.Describe(cause)}).",
        };
    }

    /// <summary>Unloading runs handlers that the plugin may have registered; one that throws stops the runtime in front of the unloading proper.</summary>
    public static void TryDispose(IPluginContext context)
    {
        try
        {
            context.Dispose();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            if (AssemblyLoadContext.GetLoadContext(context.MainAssembly) is { IsCollectible: true } collectible)
            {
                // The handlers are gone now: each runs once.
                collectible.Unload();
            }
        }
    }
}
