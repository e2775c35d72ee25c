using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace QedVd.Host;

/// <summary>Takes one plugin from a path to validated backends, or to a reason. Touches no state of the catalogue, holds no lock.</summary>
internal sealed class PluginActivator(BackendCatalogOptions options, PluginThread thread)
{
    private const int MaxAttempts = 10;

    // By path: constructors that have not come back.
    private readonly ConcurrentDictionary<string, BackendMaking> _hanging = new();

    public PluginEntry Load(string name, string path)
    {
        PluginMetadata? metadata = null;
        try
        {
            if (_hanging.ContainsKey(path))
            {
                throw new PluginRefusedException("its constructor or its Info has still not come back from an earlier time.");
            }

            for (int attempt = 1; attempt <= MaxAttempts; attempt++)
            {
                metadata = PluginMetadataReader.Read(path);
                PluginGate.Check(metadata);
                if (TryActivateApart(name, path, metadata) is { } entry)
                {
                    return entry;
                }
            }

            throw new PluginRefusedException("its file is replaced again and again while it is loaded. Load it when that has ended.");
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

    /// <summary>The runtime lets go of a plugin's file sooner when the threads that had to do with the plugin have ended.</summary>
    private PluginEntry? TryActivateApart(string name, string path, PluginMetadata metadata)
    {
        if (!options.AreUnloadable || thread.IsHere)
        {
            return TryActivate(name, path, metadata);
        }

        Task<PluginEntry?> activating = Task.Factory.StartNew(
            () => TryActivate(name, path, metadata), CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        SyncIo.Block(activating);
        return activating.GetAwaiter().GetResult();
    }

    /// <summary>Null when the file was replaced after its metadata was read.</summary>
    private PluginEntry? TryActivate(string name, string path, PluginMetadata metadata)
    {
        if (LoadThisBuild(name, path, metadata) is not { } context)
        {
            return null;
        }

        try
        {
            foreach (AssemblyName reference in PluginGate.UncertainReferences(metadata, path))
            {
                Guard("did not load", () => context.LoadReference(reference));
            }

            RegisteredBackend[] backends = [.. metadata.Backends.Select(declared => Create(name, path, declared, context))];
            PluginReport report = Report(name, path, PluginState.Loaded, metadata) with { Backends = [.. backends.Select(backend => backend.Info)] };
            return PluginEntry.Loaded(report, context, backends);
        }
        catch
        {
            // What hangs in it is let go of when it comes back.
            if (!_hanging.TryGetValue(path, out BackendMaking? making) || making.Context != context)
            {
                TryDispose(context);
            }

            throw;
        }
    }

    /// <summary>Null when the file was replaced. The runtime knows files by their path: it gives out the one that was there before for as long as it has not let go of that.</summary>
    private IPluginContext? LoadThisBuild(string name, string path, PluginMetadata metadata)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (TryLoad(name, path, metadata.ModuleVersionId) is { } context)
            {
                return context;
            }

            if (PluginMetadataReader.Read(path).ModuleVersionId != metadata.ModuleVersionId)
            {
                return null;
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

    private RegisteredBackend Create(string name, string path, DeclaredBackend declared, IPluginContext context)
    {
        Assembly assembly = context.MainAssembly;
        // By its token: the parser for names costs a program's start more than the class itself.
        Type type = Guard($"does not offer its class '{declared.TypeName}'", () => assembly.ManifestModule.ResolveType(declared.TypeToken));
        if (type.FullName != declared.TypeName)
        {
            throw new PluginRefusedException($"the class '{declared.TypeName}' is not where its metadata said.");
        }

        if (!Guard($"does not offer its class '{declared.TypeName}'", () => typeof(IImageBackend).IsAssignableFrom(type)))
        {
            throw new PluginRefusedException($"the class '{declared.TypeName}' does not implement IImageBackend.");
        }

        if (OwnPlugins.Contains(path))
        {
            return Make(name, declared, type, isOwn: true);
        }

        // From here on it is the plugin's code that takes the time.
        var making = new BackendMaking(options.Time, _hanging, path, context, () => Make(name, declared, type, isOwn: false));
        SyncIo.Complete(thread.RunAsync<SyncIo>(making, CancellationToken.None));
        return making.IsGivenUp
            ? throw new PluginRefusedException($"it has not come back from its constructor or its Info for {PluginText.Seconds(thread.Limit)}, and is not waited for any longer.")
            : making.Backend!;
    }

    private static RegisteredBackend Make(string name, DeclaredBackend declared, Type type, bool isOwn)
    {
        object backend = Guard($"failed in the constructor of '{declared.TypeName}'", () => Activator.CreateInstance(type)!);
        BackendInfo? info = Guard($"failed in the Info of '{declared.TypeName}'", () => ((IImageBackend)backend).Info);
        return Guard($"failed in the Info of '{declared.TypeName}'", () => new RegisteredBackend((IImageBackend)backend, BackendInfoRules.Copy(info, declared.TypeName), name) { IsOwn = isOwn });
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
