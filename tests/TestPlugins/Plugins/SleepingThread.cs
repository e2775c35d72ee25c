using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(SleepingThreadBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>A thread stands in its code until the program sets the event "wake SleepingThread".</summary>
public sealed class SleepingThreadBackend : PlainBackend
{
    public SleepingThreadBackend()
        : base("sleeping-thread") => new System.Threading.Thread(Sleep) { IsBackground = true }.Start();

    private static void Sleep() => ((System.Threading.ManualResetEventSlim)AppContext.GetData("wake SleepingThread")!).Wait();
}
