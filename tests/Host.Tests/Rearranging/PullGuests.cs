namespace QedVd.Host.Tests.Rearranging;

/// <summary>
/// Three guests that write, zero, discard and read until they are stopped, each in sectors of its own, so that blocks are shared; each knows what its
/// sectors must read.
/// </summary>
internal sealed class PullGuests
{
    private const int Guests = 3;
    private const int Sector = 512;

    private readonly VirtualDisk _disk;
    private readonly byte[] _model;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _running;
    private readonly int _sectors;
    private int _requests;

    /// <param name="disk">The disk.</param>
    /// <param name="model">What it reads now; follows what the guests do.</param>
    /// <param name="seed">Of what they do.</param>
    /// <param name="lengthBytes">How far they go; all of the disk unless told.</param>
    public PullGuests(VirtualDisk disk, byte[] model, int seed, int? lengthBytes = null)
    {
        _disk = disk;
        _model = model;
        _sectors = (lengthBytes ?? model.Length) / Sector;
        _running = [.. Enumerable.Range(0, Guests).Select(guest => Task.Run(() => RunAsync(guest, new Random(seed + guest))))];
    }

    /// <summary>Requests carried out so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Waits until so many more have been.</summary>
    public async Task PassAsync(int requests)
    {
        for (int end = Requests + requests; Requests < end && !_running.Any(task => task.IsCompleted);)
        {
            await Task.Yield();
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
    }

    private async Task RunAsync(int guest, Random random)
    {
        byte[] buffer = new byte[Sector];
        int sectors = _sectors;
        while (!_stop.IsCancellationRequested)
        {
            int sector = (random.Next(sectors + Guests) / Guests * Guests) + guest;
            if (sector >= sectors)
            {
                if (guest >= sectors)
                {
                    return;
                }

                continue;
            }

            long offset = (long)sector * Sector;
            Memory<byte> mine = _model.AsMemory(sector * Sector, Sector);
            switch (random.Next(6))
            {
                case 0:
                    mine.Span.Fill((byte)random.Next(4));
                    await _disk.WriteAsync(offset, mine);
                    break;
                case 1:
                    random.NextBytes(mine.Span);
                    _disk.Write(offset, mine.Span);
                    break;
                case 2:
                    mine.Span.Clear();
                    await _disk.WriteZeroesAsync(offset, Sector);
                    break;
                case 3:
                    await _disk.DiscardAsync(offset, Sector);
                    _disk.Read(offset, buffer);
                    Assert.True(mine.Span.SequenceEqual(buffer) || !buffer.AsSpan().ContainsAnyExcept((byte)0), $"sector {sector} after a discard");
                    buffer.CopyTo(mine);
                    break;
                default:
                    await _disk.ReadAsync(offset, buffer);
                    Assert.True(mine.Span.SequenceEqual(buffer), $"sector {sector} reads other than it was written");
                    break;
            }

            Interlocked.Increment(ref _requests);
        }
    }
}
