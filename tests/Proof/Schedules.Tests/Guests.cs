using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>Guests that work on one disk side by side, and what they saw.</summary>
internal sealed class Guests(Scheduler scheduler, SectorHistory history, Random random, bool mayFail, bool mayBeReadOnly = false)
{
    /// <summary>Requests that failed, or were cancelled.</summary>
    public int Failed { get; private set; }

    /// <summary>Requests that were carried out.</summary>
    public int Done { get; private set; }

    /// <summary>Draws what a guest asks for, and adds the guest.</summary>
    public void Add(string name, GuestDisk disk, IReadOnlyList<RequestKind> kinds, IReadOnlyList<long> hotClusters, int clusterBytes, long lengthBytes, Strata strata, bool cancels)
    {
        var requests = new List<Request>();
        for (int i = random.Next(2, 6); i > 0; i--)
        {
            RequestKind kind = kinds[random.Next(kinds.Count)];
            (long offset, int length) = DrawRange(hotClusters, clusterBytes, lengthBytes);
            bool isCancelled = cancels && random.Next(3) == 0;
            requests.Add(new Request(kind, offset, length, isCancelled));
            strata.Add($"request {kind}");
            if (isCancelled)
            {
                strata.Add("cancelled");
            }
        }

        int pause = random.Next(4);
        scheduler.Spawn(name, async () =>
        {
            await scheduler.PauseAsync(pause).ConfigureAwait(false);
            foreach (Request request in requests)
            {
                Scheduler.Doing(request.ToString());
                if (!await TryAsync(disk, request).ConfigureAwait(false))
                {
                    return;
                }
            }
        });
    }

    /// <summary>Reads ranges of the disk, as one more guest.</summary>
    public async ValueTask ReadAsync(GuestDisk disk, long offset, int lengthBytes, CancellationToken cancellationToken = default)
    {
        byte[] buffer = new byte[lengthBytes];
        buffer.AsSpan().Fill(0xEE);
        long begin = scheduler.Step;
        await disk.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
        history.AddRead(offset, buffer, begin, scheduler.Step);
    }

    private (long Offset, int LengthBytes) DrawRange(IReadOnlyList<long> hotClusters, int clusterBytes, long lengthBytes)
    {
        const int Sector = SectorHistory.SectorBytes;
        long start = hotClusters[random.Next(hotClusters.Count)] * clusterBytes;
        int perCluster = clusterBytes / Sector;
        (int first, int count) = random.Next(4) switch
        {
            0 => (0, perCluster),
            1 => (0, perCluster * random.Next(2, 4)),
            2 => (random.Next(perCluster), random.Next(1, 4)),
            _ => (random.Next(perCluster), random.Next(1, perCluster * 2)),
        };
        long offset = start + (first * Sector);
        return (offset, (int)Math.Min(count * Sector, lengthBytes - offset));
    }

    // False once the disk is closed.
    private async ValueTask<bool> TryAsync(GuestDisk disk, Request request)
    {
        using var cancel = new CancellationTokenSource();
        if (request.IsCancelled)
        {
            CancelSoon(cancel, random.Next(1, 12));
        }

        try
        {
            await CarryOutAsync(disk, request, cancel.Token).ConfigureAwait(false);
            Done++;
        }
        catch (OperationCanceledException) when (request.IsCancelled)
        {
            Failed++;
        }
        catch (ImageException exception) when (mayFail && exception.Kind is (ImageErrorKind.Io or ImageErrorKind.OutOfSpace or ImageErrorKind.Fenced))
        {
            Failed++;
        }
        catch (ImageException exception) when (mayBeReadOnly && exception.Kind == ImageErrorKind.ReadOnly)
        {
            Failed++;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }

        return true;
    }

    private void CancelSoon(CancellationTokenSource cancel, int turns) => _ = CancelAsync(cancel, turns);

    private async Task CancelAsync(CancellationTokenSource cancel, int turns)
    {
        await scheduler.PauseAsync(turns).ConfigureAwait(false);
        try
        {
#pragma warning disable CA1849 // Where the callbacks run is part of the schedule.
            cancel.Cancel();
#pragma warning restore CA1849
        }
        catch (ObjectDisposedException)
        {
            // The request has ended.
        }
    }

    /// <summary>Carries one request out, and takes it down.</summary>
    public async ValueTask CarryOutAsync(GuestDisk disk, Request request, CancellationToken cancellationToken)
    {
        (RequestKind kind, long offset, int length, _) = request;
        long begin = scheduler.Step;
        switch (kind)
        {
            case RequestKind.Read:
                await ReadAsync(disk, offset, length, cancellationToken).ConfigureAwait(false);
                break;
            case RequestKind.Write or RequestKind.DurableWrite:
                int number = history.NextNumber();
                byte[] bytes = new byte[length];
                SectorHistory.Fill(bytes, offset, number);
                int write = history.BeginWrite(offset, length, number, begin);
                await disk.WriteAsync(offset, bytes, kind == RequestKind.DurableWrite ? WriteFlags.ForceUnitAccess : WriteFlags.None, cancellationToken).ConfigureAwait(false);
                history.End(offset, length, write, scheduler.Step);
                break;
            case RequestKind.Zero or RequestKind.ZeroWithRoom:
                int zero = history.BeginWrite(offset, length, 0, begin);
                await disk.ZeroAsync(offset, length, kind == RequestKind.Zero ? WriteFlags.MayUnmap : WriteFlags.None, cancellationToken).ConfigureAwait(false);
                history.End(offset, length, zero, scheduler.Step);
                break;
            case RequestKind.Discard:
                int discard = history.BeginDiscard(offset, length, begin);
                await disk.DiscardAsync(offset, length, cancellationToken).ConfigureAwait(false);
                history.End(offset, length, discard, scheduler.Step);
                break;
            case RequestKind.Flush:
                await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
                history.AddFlush(begin, scheduler.Step);
                break;
            default:
                await disk.MapAsync(offset, length, cancellationToken).ConfigureAwait(false);
                break;
        }
    }
}
