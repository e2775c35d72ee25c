using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(RunningTimerBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Its timer keeps it in memory until the program sets "stop RunningTimer".</summary>
public sealed class RunningTimerBackend : PlainBackend
{
    private static System.Threading.Timer? s_timer;

    public RunningTimerBackend()
        : base("running-timer")
    {
        s_timer = new System.Threading.Timer(_ =>
        {
            if (AppContext.GetData("stop RunningTimer") is not null)
            {
                s_timer?.Dispose();
            }
        });
        s_timer.Change(10, 10);
    }
}
