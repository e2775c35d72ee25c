using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>Guests that work on one disk side by side, and what they saw.</summary>
internal sealed class Guests(Scheduler scheduler, SectorHistory history, Random random)
{
    // What a buffer holds once its request has ended: nobody may look at it then, or write to it.
    private const byte Poison = 0xDD;

    private readonly List<byte[]> _left = [];

    /// <summary>A fault that requests may fail with, once it has struck.</summary>
    public StorageFault? Fault { get; set; }

    /// <summary>The disk is made read-only for a while.</summary>
    public bool MayBeReadOnly { get; init; }

    /// <summary>The disk is closed while the guests are at work.</summary>
    public bool MayBeClosed { get; init; }

    /// <summary>Every write is durable when it is acknowledged.</summary>
    public bool IsWriteThrough { get; init; }

    /// <summary>Requests that the guests will make, or have made.</summary>
    public int Asked { get; private set; }

    /// <summary>Requests that failed, or were cancelled.</summary>
    public int Failed { get; private set; }

    /// <summary>Whether a guest met a closed disk, and asked for nothing more.</summary>
    public bool HasMetClosed { get; private set; }

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
            Asked++;
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
        long begin = history.Begin();
        try
        {
            await disk.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
            history.AddRead(offset, buffer, begin);
        }
        finally
        {
            Leave(buffer);
        }
    }

    /// <summary>Throws when a request was left out that should have been carried out, or the disk has written into a buffer after its request.</summary>
    public void Verify()
    {
        Assert.True(HasMetClosed ? Done + Failed < Asked : Done + Failed == Asked, $"Of {Asked} requests {Done} were carried out and {Failed} failed.");
        Assert.True(_left.TrueForAll(buffer => !buffer.AsSpan().ContainsAnyExcept(Poison)), "A buffer was written to after its request had ended.");
    }

    private void Leave(byte[] buffer)
    {
        buffer.AsSpan().Fill(Poison);
        _left.Add(buffer);
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
        catch (ImageException exception) when (Fault is { Hits: > 0 } && exception.Kind is (ImageErrorKind.Io or ImageErrorKind.OutOfSpace or ImageErrorKind.Fenced))
        {
            Failed++;
        }
        catch (ImageException exception) when (MayBeReadOnly && exception.Kind == ImageErrorKind.ReadOnly)
        {
            Failed++;
        }
        catch (ObjectDisposedException) when (MayBeClosed)
        {
            HasMetClosed = true;
            return false;
        }

        return true;
    }

    // Somebody else does it: under the policies with priorities, a guest's own continuations would keep their order.
    private void CancelSoon(CancellationTokenSource cancel, int turns) => scheduler.Spawn("canceller", async () =>
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
    });

    /// <summary>Carries one request out, and takes it down.</summary>
    public async ValueTask CarryOutAsync(GuestDisk disk, Request request, CancellationToken cancellationToken)
    {
        (RequestKind kind, long offset, int length, _) = request;
        switch (kind)
        {
            case RequestKind.Read:
                await ReadAsync(disk, offset, length, cancellationToken).ConfigureAwait(false);
                break;
            case RequestKind.Write or RequestKind.DurableWrite:
                int number = history.NextNumber();
                byte[] bytes = new byte[length];
                SectorHistory.Fill(bytes, offset, number);
                bool isDurable = kind == RequestKind.DurableWrite;
                int write = history.BeginWrite(offset, length, number, isDurable || IsWriteThrough);
                try
                {
                    await TakeDownAsync(write, disk.WriteAsync(offset, bytes, isDurable ? WriteFlags.ForceUnitAccess : WriteFlags.None, cancellationToken)).ConfigureAwait(false);
                }
                finally
                {
                    Leave(bytes);
                }

                break;
            case RequestKind.Zero or RequestKind.ZeroWithRoom:
                int zero = history.BeginWrite(offset, length, 0, IsWriteThrough);
                await TakeDownAsync(zero, disk.ZeroAsync(offset, length, kind == RequestKind.Zero ? WriteFlags.MayUnmap : WriteFlags.None, cancellationToken)).ConfigureAwait(false);
                break;
            case RequestKind.Discard:
                int discard = history.BeginDiscard(offset, length);
                await TakeDownAsync(discard, disk.DiscardAsync(offset, length, cancellationToken)).ConfigureAwait(false);
                break;
            case RequestKind.Flush:
                long begin = history.Begin();
                await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
                history.AddFlush(begin);
                break;
            default:
                await disk.MapAsync(offset, length, cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private async ValueTask TakeDownAsync(int request, ValueTask work)
    {
        try
        {
            await work.ConfigureAwait(false);
        }
        catch
        {
            history.Fail(request);
            throw;
        }

        history.End(request);
    }
}
