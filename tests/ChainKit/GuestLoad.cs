namespace QedVd.ChainKit;

/// <summary>
/// Guests at work on an open disk, several at a time and in both forms, until they are stopped. Each owns ranges of its own, most of them smaller than a
/// block, so that blocks are shared; it knows what it wrote, and fails when a read is anything else.
/// </summary>
public sealed class GuestLoad
{
    private const int StripeBytes = 5 * 512;
    private const int LongStripeBytes = 48 * 1024;
    private const int LongStripeEvery = 3;

    private readonly VirtualDisk _disk;
    private readonly byte[] _content;
    private readonly List<(int Offset, int LengthBytes)>[] _owned;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _guests;
    private int _requests;

    /// <param name="disk">The disk; at least some stripes long.</param>
    /// <param name="view">What it reads now.</param>
    /// <param name="seed">What the guests draw from.</param>
    /// <param name="guests">How many there are.</param>
    public GuestLoad(VirtualDisk disk, GuestBytes view, int seed, int guests = 4)
    {
        _disk = disk;
        _content = view.ToArray();
        _owned = [.. Enumerable.Range(0, guests).Select(_ => new List<(int, int)>())];
        int at = 0;
        for (int i = 0; at < _content.Length; i++)
        {
            int length = Math.Min(i / guests % LongStripeEvery == 0 ? LongStripeBytes : StripeBytes, _content.Length - at);
            _owned[i % guests].Add((at, length));
            at += length;
        }

        _guests = [.. Enumerable.Range(0, guests).Where(guest => _owned[guest].Count > 0).Select(guest => Task.Run(() => RunAsync(guest, new Random(seed + guest))))];
    }

    /// <summary>How many requests have been carried out.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Waits until so many more requests have been carried out, or a guest has failed.</summary>
    public async Task PassAsync(int requests)
    {
        int end = Requests + requests;
        while (Requests < end && !_guests.Any(guest => guest.IsCompleted))
        {
            await Task.Delay(1).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the guests, throws what one has found, and returns what the disk must read.</summary>
    public async Task<GuestBytes> StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_guests).ConfigureAwait(false);
        var view = new GuestBytes(_content.Length);
        view.Write(0, _content);
        return view;
    }

    private async Task RunAsync(int guest, Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            (int start, int length) = _owned[guest][random.Next(_owned[guest].Count)];
            int from = random.Next(3) == 0 ? 0 : random.Next(length);
            int count = random.Next(3) == 0 ? length - from : random.Next(1, length - from + 1);
            await RequestAsync(start + from, _content.AsMemory(start + from, count), random).ConfigureAwait(false);
            Interlocked.Increment(ref _requests);
        }
    }

    private async Task RequestAsync(long offset, Memory<byte> expected, Random random)
    {
        bool isAsync = random.Next(2) == 0;
        WriteFlags flags = random.Next(12) == 0 ? WriteFlags.ForceUnitAccess : WriteFlags.None;
        switch (random.Next(12))
        {
            case 0 or 1 or 2 or 3:
                GuestPattern.Fill(expected.Span, offset, random.NextInt64());
                if (isAsync)
                {
                    await _disk.WriteAsync(offset, expected, flags).ConfigureAwait(false);
                }
                else
                {
                    _disk.Write(offset, expected.Span, flags);
                }

                break;
            case 4 or 5:
                expected.Span.Clear();
                flags |= random.Next(2) == 0 ? WriteFlags.MayUnmap : WriteFlags.None;
                if (isAsync)
                {
                    await _disk.WriteZeroesAsync(offset, expected.Length, flags).ConfigureAwait(false);
                }
                else
                {
                    _disk.WriteZeroes(offset, expected.Length, flags);
                }

                break;
            case 6:
                if (isAsync)
                {
                    await _disk.DiscardAsync(offset, expected.Length).ConfigureAwait(false);
                }
                else
                {
                    _disk.Discard(offset, expected.Length);
                }

                await AdoptAsync(offset, expected).ConfigureAwait(false);
                break;
            case 7 when random.Next(4) == 0:
                await _disk.FlushAsync().ConfigureAwait(false);
                break;
            default:
                byte[] buffer = new byte[expected.Length];
                if (isAsync)
                {
                    await _disk.ReadAsync(offset, buffer).ConfigureAwait(false);
                }
                else
                {
                    _disk.Read(offset, buffer);
                }

                int at = expected.Span.CommonPrefixLength(buffer);
                Assert.True(at == buffer.Length, at < buffer.Length ? $"a guest reads {buffer[at]:x2} at {offset + at}, where it wrote {expected.Span[at]:x2} (request of {buffer.Length} at {offset}, {(isAsync ? "async" : "sync")})" : "");
                break;
        }
    }

    private async Task AdoptAsync(long offset, Memory<byte> expected)
    {
        byte[] now = new byte[expected.Length];
        await _disk.ReadAsync(offset, now).ConfigureAwait(false);
        for (int i = 0; i < now.Length; i++)
        {
            Assert.True(now[i] == 0 || now[i] == expected.Span[i], $"byte {offset + i} was {expected.Span[i]:x2}, was discarded, and is {now[i]:x2}");
        }

        now.CopyTo(expected);
    }
}
