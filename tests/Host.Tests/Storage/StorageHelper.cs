using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>
/// This test program as another process: started with an action in its environment it does that, prints what happened and ends, before any test runs.
/// For what needs a process of its own: being killed, failing system calls, limits.
/// </summary>
internal static class StorageHelper
{
    private const string ActionName = "QEDVD_STORAGE_ACTION";
    private const string FileName = "QEDVD_STORAGE_FILE";

    private static string Program => Path.Combine(AppContext.BaseDirectory, "QedVd.Host.Tests");

    /// <summary>Starts it, below other programs (<c>strace ...</c>) where those are given.</summary>
    public static Process Start(string action, string file, params string[] before)
    {
        string[] line = [.. before, Program];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[ActionName] = action;
        start.Environment[FileName] = file;
        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end and returns the lines it printed.</summary>
    public static async Task<string[]> RunAsync(string action, string file, params string[] before)
    {
        using Process process = Start(action, file, before);
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"Ended with {process.ExitCode}.\n{output}\n{await error}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

#pragma warning disable CA2255 // A module initializer is how a program made by the test framework can be something else first.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Run()
    {
        if (Environment.GetEnvironmentVariable(ActionName) is not { Length: > 0 } action)
        {
            return;
        }

        string file = Environment.GetEnvironmentVariable(FileName)!;
        switch (action)
        {
            case "hold":
                using (FileStorage.Open(file))
                {
                    Console.WriteLine("held");
                    Console.In.ReadLine();
                }

                break;
            case "facts":
                using (var storage = FileStorage.Open(file))
                {
                    storage.Write(0, new byte[100_000]);
                    storage.Barrier();
                    Console.WriteLine(storage.Facts);
                    if (storage.Facts.HasFlag(StorageFacts.CanPunchHoles))
                    {
                        storage.PunchHole(0, 65536);
                    }

                    Console.WriteLine(storage.GetLength());
                }

                break;
            case "warning":
                using (var storage = FileStorage.Open(file))
                {
                    Console.WriteLine(storage.Facts.HasFlag(StorageFacts.HasImageLocks));
                    Console.WriteLine(storage.LockWarning);
                }

                break;
            case "extent":
                using (var storage = FileStorage.Open(file))
                {
                    Console.WriteLine(storage.GetExtent(0));
                }

                break;
            case "race":
                Race(file);
                break;
            case "barrier":
                FailBarrier(file);
                break;
            case "fill":
                Fill(file);
                break;
            case "full-chain":
                Task<List<string>> full = FullVolume.RunAsync(file, LongRun.Seed());
                SyncIo.Block(full);
                Console.WriteLine(string.Join('\n', SyncIo.Complete(new ValueTask<List<string>>(full))));
                break;
            case "pending":
            case "pending-portable":
                using (var pending = PendingFile.Create(file, new PendingFileOptions { UseTemporaryName = true, UsePortableForm = action != "pending" }))
                {
                    pending.Storage.Write(0, new byte[10_000]);
                    Console.WriteLine("written");
                    Console.In.ReadLine();
                }

                break;
            case "publish":
                using (var pending = PendingFile.Create(file, new PendingFileOptions { UseTemporaryName = true }))
                {
                    pending.Publish();
                }

                break;
            default:
                throw new InvalidOperationException(action);
        }

        Environment.Exit(0);
    }

    private static string Outcome(Action action)
    {
        try
        {
            action();
            return "ok";
        }
        catch (ImageException exception)
        {
            return $"{exception.Kind} {exception.Message}";
        }
    }

    /// <summary>Takes the file a number of times; whoever has it writes a mark, looks whether it stays alone, and takes it away.</summary>
    private static void Race(string file)
    {
        int held = 0;
        int shared = 0;
        for (int i = 0; i < 150; i++)
        {
            try
            {
                using var storage = FileStorage.Open(file);
                held++;
                byte[] mark = BitConverter.GetBytes(Environment.ProcessId);
                storage.Write(0, mark);
                Thread.Yield();
                byte[] seen = new byte[4];
                storage.Read(0, seen);
                shared += seen.AsSpan().SequenceEqual(mark) ? 0 : 1;
            }
            catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
            {
                // The other one has it.
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{held} {shared}"));
    }

    private static void FailBarrier(string file)
    {
        using (var storage = FileStorage.Open(file))
        {
            storage.Write(0, new byte[100]);
            Console.WriteLine(Outcome(storage.Barrier));
            Console.WriteLine(Outcome(() => storage.Write(0, new byte[100])));
            Console.WriteLine(Outcome(() => SyncIo.Block(storage.BarrierAsync().AsTask())));
            Console.WriteLine(storage.Read(0, new byte[100]));
        }

        using var again = FileStorage.Open(file);
        Console.WriteLine(again.EarlierFence?.Message ?? "none");
    }

    private static void Fill(string file)
    {
        using (System.IO.File.Create(file))
        {
        }

        using var storage = FileStorage.Open(file);
        long offset = 0;
        string outcome = "ok";
        while (outcome == "ok" && offset < 16 << 20)
        {
            outcome = Outcome(() => storage.Write(offset, new byte[4096]));
            offset += outcome == "ok" ? 4096 : 0;
        }

        Console.WriteLine(outcome);
        Console.WriteLine(Outcome(() => SyncIo.Block(storage.WriteAsync(offset, new byte[256 << 10]).AsTask())));
        Console.WriteLine(Outcome(() => storage.Allocate(offset, 16 << 20)));

        // Not fenced: once there is room it goes on.
        storage.SetLength(0);
        Console.WriteLine(Outcome(() => storage.Write(0, new byte[4096])));
        Console.WriteLine(Outcome(storage.Barrier));
    }
}
