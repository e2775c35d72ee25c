using System;
using System.Threading;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(StrayThrowerBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Throws where nobody can catch it: in a finalizer, on a thread, and behind an await that nobody awaits.</summary>
public sealed class StrayThrowerBackend : PlainBackend
{
    public StrayThrowerBackend()
        : base("stray-thrower")
    {
        MakeGarbage();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var thread = new Thread(() => throw new InvalidOperationException("from a thread")) { IsBackground = true };
        thread.Start();
        thread.Join();
        using var thrown = new ManualResetEventSlim();
        ThrowAsync(thrown);
        thrown.Wait();
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void MakeGarbage() => GC.KeepAlive(new Garbage());

    private static async void ThrowAsync(ManualResetEventSlim thrown)
    {
        await System.Threading.Tasks.Task.Yield();
        thrown.Set();
        throw new InvalidOperationException("from an async void");
    }

    private sealed class Garbage
    {
#pragma warning disable CA1065 // this is what is tested
        ~Garbage() => throw new InvalidOperationException("from a finalizer");
#pragma warning restore CA1065
    }
}
