using QedVd.Host;

namespace QedVd.Interop.Tests;

/// <summary>
/// A random history of requests on one image, in sessions, each of which either QEMU carries out or we do; and what the disk must hold then.
/// </summary>
/// <remarks>
/// QEMU 7.2 is no oracle for a write into a part of a zero cluster over a parent (the parent's bytes come back), so such a write by QEMU is
/// widened to whole clusters; and its requests stay far below <c>cluster_size - 1</c> clusters.
/// </remarks>
internal sealed class SharedHistory(Workbench bench, string name, int clusterBytes, byte[] content, bool hasParent, Random random)
{
    private readonly HashSet<long> _zeroClusters = [];
    private readonly List<string> _log = [];
    private readonly int _sectors = content.Length / 512;

    public byte[] Content => content;

    public string Log => string.Join('\n', _log);

    public async Task QemuSessionAsync(int requests)
    {
        List<string> commands = [];
        for (int i = 0; i < requests; i++)
        {
            (long offset, int length) = Range();
            switch (random.Next(8))
            {
                case 0 or 1:
                    // Parts of clusters it writes as data.
                    (offset, length) = Widen(offset, length);
                    commands.Add($"write -z {offset} {length}");
                    Zero(offset, length);
                    break;
                case 2:
                    commands.Add($"discard {offset} {length}");
                    break;
                case 3:
                    commands.Add("flush");
                    break;
                default:
                    (offset, length) = Widen(offset, length);
                    byte value = (byte)random.Next(1, 256);
                    commands.Add($"write -P {value} {offset} {length}");
                    Fill(offset, length, value);
                    break;
            }
        }

        _log.AddRange(commands.Select(command => $"qemu: {command}"));
        await bench.IoAsync(name, commands);
    }

    public async Task OurSessionAsync(int requests)
    {
        await using VirtualDisk disk = bench.Open(name);
        for (int i = 0; i < requests; i++)
        {
            (long offset, int length) = Range();
            if (random.Next(4) == 0 && length > 2)
            {
                // QEMU writes whole sectors; we need not.
                (offset, length) = (offset + 1, length - 2);
            }

            int kind = random.Next(8);
            _log.Add($"ours: {kind} {offset} {length}");
            switch (kind)
            {
                case 0 or 1:
                    await disk.WriteZeroesAsync(offset, length);
                    Zero(offset, length);
                    break;
                case 2:
                    await disk.DiscardAsync(offset, length);
                    await AdoptDiscardedAsync(disk, offset, length);
                    break;
                case 3:
                    disk.Flush();
                    break;
                default:
                    byte value = (byte)random.Next(1, 256);
                    byte[] data = new byte[length];
                    data.AsSpan().Fill(value);
                    if (kind % 2 == 0)
                    {
                        disk.Write(offset, data);
                    }
                    else
                    {
                        await disk.WriteAsync(offset, data);
                    }

                    Fill(offset, length, value);
                    break;
            }
        }

        await disk.CloseAsync();
    }

    // Ranges begin and end around the edges of clusters, and at the end of the disk.
    private (long Offset, int Length) Range()
    {
        int perCluster = clusterBytes / 512;
        int start = random.Next(3) switch
        {
            0 => random.Next(_sectors),
            1 => random.Next((_sectors / perCluster) + 1) * perCluster,
            _ => (random.Next((_sectors / perCluster) + 1) * perCluster) + random.Next(-3, 4),
        };
        int count = random.Next(4) switch
        {
            0 => random.Next(1, 9),
            1 => perCluster,
            2 => random.Next(1, 2 * perCluster + 2),
            _ => (random.Next(1, 3) * perCluster) + random.Next(0, 3),
        };
        start = Math.Clamp(start, 0, _sectors - 1);
        count = Math.Clamp(count, 1, _sectors - start);
        return (start * 512L, count * 512);
    }

    private (long Offset, int Length) Widen(long offset, int length)
    {
        long first = offset / clusterBytes;
        long last = (offset + length - 1) / clusterBytes;
        long start = hasParent && _zeroClusters.Contains(first) ? first * clusterBytes : offset;
        long end = hasParent && _zeroClusters.Contains(last) ? Math.Min(content.Length, (last + 1) * clusterBytes) : offset + length;
        return (start, (int)(end - start));
    }

    private void Fill(long offset, int length, byte value)
    {
        content.AsSpan((int)offset, length).Fill(value);
        for (long cluster = offset / clusterBytes; cluster * clusterBytes < offset + length; cluster++)
        {
            _zeroClusters.Remove(cluster);
        }
    }

    private void Zero(long offset, int length)
    {
        content.AsSpan((int)offset, length).Clear();
        MayBeZeroClusters(offset, length);
    }

    private void MayBeZeroClusters(long offset, int length)
    {
        for (long cluster = offset / clusterBytes; cluster * clusterBytes < offset + length; cluster++)
        {
            _zeroClusters.Add(cluster);
        }
    }

    private async Task AdoptDiscardedAsync(VirtualDisk disk, long offset, int length)
    {
        byte[] now = new byte[length];
        await disk.ReadAsync(offset, now);
        for (int i = 0; i < length; i++)
        {
            byte before = content[offset + i];
            if (now[i] != before && now[i] != 0)
            {
                Assert.Fail($"byte {offset + i} was {before:x2}, was discarded, and is {now[i]:x2}");
            }
        }

        now.CopyTo(content, offset);
        MayBeZeroClusters(offset, length);
    }
}
