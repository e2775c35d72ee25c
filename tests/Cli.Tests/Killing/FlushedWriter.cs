using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using QedVd.Host;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// This test program as a process that is to be killed: it opens a disk, writes <see cref="WriterRound"/>s, and prints a line for each that is acknowledged.
/// </summary>
internal static class FlushedWriter
{
    private const string DiskName = "QEDVD_WRITER_DISK";
    private const string SeedName = "QEDVD_WRITER_SEED";
    private const string ModeName = "QEDVD_WRITER_MODE";
    private const int MostRounds = 300;

    /// <summary>Starts it, below another program where one is given.</summary>
    public static Process Start(string disk, int seed, ConsistencyMode mode, params string[] before)
    {
        string[] line = [.. before, Path.Combine(AppContext.BaseDirectory, "QedVd.Cli.Tests")];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[DiskName] = disk;
        start.Environment[SeedName] = seed.ToString(CultureInfo.InvariantCulture);
        start.Environment[ModeName] = $"{mode}";
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        return Process.Start(start)!;
    }

#pragma warning disable CA2255 // A module initializer is how a program made by the test framework can be something else first.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Run()
    {
        if (Environment.GetEnvironmentVariable(DiskName) is not { Length: > 0 } path)
        {
            return;
        }

        int seed = int.Parse(Environment.GetEnvironmentVariable(SeedName)!, CultureInfo.InvariantCulture);
        var options = new DiskOpenOptions { Mode = Enum.Parse<ConsistencyMode>(Environment.GetEnvironmentVariable(ModeName)!) };
        using var host = new DiskHost(InProcess.HostOptions());
        using VirtualDisk disk = host.OpenDisk(path, options);
        using Stream output = Console.OpenStandardOutput();
        int number = 0;
        foreach (WriterRound round in WriterRound.Draw(seed, disk.LengthBytes).Take(MostRounds))
        {
            round.Run(disk);
            output.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{number++}\n")));
        }

        disk.Close();
        Environment.Exit(0);
    }
}
