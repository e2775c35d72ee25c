using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>
/// Four writers that know what they wrote: each owns every fourth sector, so that blocks are shared. They read, write and zero until stopped, and fail
/// when a read is not what they wrote.
/// </summary>
internal sealed class DiskLoad
{
    private const int Writers = 4;
    private const int Sector = 512;

    private readonly VirtualDisk _disk;
    private readonly byte[] _model;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _running;
    private int _requests;

    /// <param name="disk">The disk.</param>
    /// <param name="model">What it reads now; what the writers change is changed here too.</param>
    public DiskLoad(VirtualDisk disk, byte[] model)
    {
        _disk = disk;
        _model = model;
        int seed = (int)LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        _running = [.. Enumerable.Range(0, Writers).Select(writer => Task.Run(() => RunAsync(writer, new Random(seed + writer))))];
    }

    /// <summary>Waits until so many more requests have been carried out.</summary>
    public async Task PassAsync(int requests)
    {
        int end = Volatile.Read(ref _requests) + requests;
        while (Volatile.Read(ref _requests) < end && !_running.Any(task => task.IsCompleted))
        {
            await Task.Yield();
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
    }

    private async Task RunAsync(int writer, Random random)
    {
        byte[] buffer = new byte[Sector];
        while (!_stop.IsCancellationRequested)
        {
            int sector = (random.Next(_model.Length / Sector / Writers) * Writers) + writer;
            long offset = (long)sector * Sector;
            Memory<byte> expected = _model.AsMemory(sector * Sector, Sector);
            switch (random.Next(5))
            {
                case 0:
                    random.NextBytes(expected.Span);
                    await _disk.WriteAsync(offset, expected);
                    break;
                case 1:
                    random.NextBytes(expected.Span);
                    _disk.Write(offset, expected.Span);
                    break;
                case 2:
                    expected.Span.Clear();
                    await _disk.WriteZeroesAsync(offset, Sector);
                    break;
                case 3:
                    await _disk.ReadAsync(offset, buffer);
                    Assert.True(expected.Span.SequenceEqual(buffer), $"sector {sector} reads other than it was written");
                    break;
                default:
                    _disk.Read(offset, buffer);
                    Assert.True(expected.Span.SequenceEqual(buffer), $"sector {sector} reads other than it was written");
                    break;
            }

            Interlocked.Increment(ref _requests);
        }
    }
}
