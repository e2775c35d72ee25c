using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>A random valid image, with leaks, and random damage done to it.</summary>
internal sealed class Damaged
{
    private const uint Cluster = 4096;
    private readonly Random _random;
    private readonly List<(long Table, int L1Index)> _tables = [];
    private readonly List<string> _story = [];
    private readonly List<long> _data = [];
    private readonly int _tableSize;
    private readonly int _entries;

    public Damaged(int seed, StorageFacts? facts = null)
    {
        _random = new Random(seed);
        _tableSize = 1 << _random.Next(3);
        _entries = (int)(Cluster * _tableSize / 8);
        int l1Used = _random.Next(1, 5);
        uint headerSize = (uint)_random.Next(1, 3);
        bool hasParent = _random.Next(3) == 0;
        Header = new QedHeaderBytes
        {
            TableSize = (uint)_tableSize,
            HeaderSize = headerSize,
            L1Offset = Cluster * (headerSize + (_random.Next(3) == 0 ? (ulong)_random.Next(12) : 0)),
            ImageSize = ((ulong)(l1Used - 1) * (ulong)_entries * Cluster) + ((ulong)_random.Next(20, 400) * Cluster) - (_random.Next(2) == 0 ? 0u : 512u),
            Features = (hasParent ? 1u : 0) | (_random.Next(4) == 0 ? 2u : 0),
            Autoclear = _random.Next(4) == 0 ? 0x10u : 0,
            NameOffset = hasParent ? 64u : 0,
            NameSize = hasParent ? 5u : 0,
        };
        StorageFacts chosen = facts ?? _random.Next(4) switch
        {
            0 => SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero,
            1 => SimulatedFile.GoodFacts & ~(StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles),
            _ => SimulatedFile.GoodFacts,
        };
        Image = new QedImageBytes(Header, chosen);
        Image.File.Poke(64, "p.qed"u8);
        Build(l1Used);
        Note($"seed {seed}: table_size {_tableSize}, header_size {headerSize}, L1 at cluster {Header.L1Offset / Cluster}, {l1Used} L1 entries used, size {Header.ImageSize}, features {Header.Features}, tables {string.Join(' ', _tables)}, {Image.File.LengthBytes / Cluster} clusters");
    }

    public QedHeaderBytes Header { get; }

    public QedImageBytes Image { get; }

    public SimulatedFile File => Image.File;

    /// <summary>Whether the file was cut inside a cluster, of which a part may then be kept.</summary>
    public bool IsCut { get; private set; }

    public override string ToString() => string.Join('\n', _story);

    /// <summary>Sets this many entries to values of the boundary pools.</summary>
    public Damaged Damage(int count, bool mayCut = true)
    {
        for (int i = 0; i < count; i++)
        {
            if (_tables.Count == 0 || _random.Next(5) == 0)
            {
                int index = _random.Next(3) switch { 0 => _random.Next(_entries), 1 => _random.Next(6), _ => _tables.Count == 0 ? 0 : _tables[_random.Next(_tables.Count)].L1Index };
                ulong value = Value();
                Image.SetL1(index, value);
                Note($"L1[{index}] = {Show(value)}");
            }
            else
            {
                (long table, int l1Index) = _tables[_random.Next(_tables.Count)];
                int index = _random.Next(4) == 0 ? _random.Next(_entries) : _random.Next(30);
                int run = _random.Next(6) == 0 ? _random.Next(1, 5) : 1;
                ulong value = Value();
                for (int j = 0; j < run && index + j < _entries; j++)
                {
                    Image.SetL2(table, index + j, value + ((ulong)j * Cluster));
                }

                Note($"L2[{l1Index}, table at {table}][{index}] = {Show(value)}, {run} entries");
            }
        }

        if (mayCut && _random.Next(5) == 0)
        {
            Cut();
        }

        return this;
    }

    private void Cut()
    {
        long length = File.LengthBytes - _random.Next(1, (int)Cluster * (_random.Next(3) == 0 ? 4 : 1));
        if (length > Header.FileLength)
        {
            using SimulatedStorage storage = File.Open();
            storage.SetLength(length);
            storage.Barrier();
            IsCut = length % Cluster != 0;
            Note($"cut to {length}");
        }
    }

    private void Note(string what) => _story.Add(what);

    private static string Show(ulong value) => value % Cluster == 0 ? $"cluster {value / Cluster}" : $"{value}";

    private void Build(int l1Used)
    {
        long next = Image.FirstFree;
        List<long> free = [];
        for (long cluster = Header.HeaderSize; cluster < (long)(Header.L1Offset / Cluster); cluster++)
        {
            free.Add(cluster);
        }

        int leaks = _random.Next(4);
        for (int i = 0; i < l1Used; i++)
        {
            if (_random.Next(4) == 0)
            {
                continue;
            }

            next += _random.Next(leaks + 1);
            _tables.Add((next, i));
            Image.SetClusters(next + _tableSize);
            Image.SetL1(i, Image.At(next));
            next += _tableSize;
            next = Fill(_tables[^1].Table, next, free, leaks);
        }

        next += _random.Next(leaks + 1);
        Image.SetClusters(next);
        if ((File.Facts & StorageFacts.NeverWrittenReadsZero) == 0)
        {
            // All of it was written once: what was not would be garbage after a crash, whatever a repair does.
            File.Poke(0, File.ReadBytes(0, (int)File.LengthBytes));
        }
    }

    private long Fill(long table, long next, List<long> free, int leaks)
    {
        byte[] bytes = new byte[Cluster];
        for (int j = _random.Next(8); j < 30; j += _random.Next(1, 4))
        {
            if (_random.Next(6) == 0)
            {
                Image.SetL2(table, j, 1);
                continue;
            }

            long cluster;
            if (free.Count > 0 && _random.Next(2) == 0)
            {
                cluster = free[^1];
                free.RemoveAt(free.Count - 1);
            }
            else
            {
                next += leaks > 0 && _random.Next(6) == 0 ? _random.Next(leaks + 1) : 0;
                cluster = next++;
            }

            Image.SetClusters(Math.Max(next, cluster + 1));
            Image.SetL2(table, j, Image.At(cluster));
            if (_random.Next(8) != 0)
            {
                _random.NextBytes(bytes);
                File.Poke(cluster * Cluster, bytes);
            }

            _data.Add(cluster);
        }

        return next;
    }

    private ulong Value()
    {
        long clusters = File.LengthBytes / Cluster;
        long table = _tables.Count == 0 ? 3 : _tables[_random.Next(_tables.Count)].Table;
        return _random.Next(14) switch
        {
            0 => 0,
            1 => 1,
            2 => (ulong)_random.Next(2, 4096),
            3 => Image.At(_random.NextInt64(clusters)) + (ulong)_random.Next(1, 4096),
            4 => Image.At(clusters + _random.Next(4)),
            5 => _random.Next(2) == 0 ? 1UL << 63 : ulong.MaxValue - 4095,
            6 => Image.At(_random.Next((int)Header.HeaderSize)),
            7 => Header.L1Offset + Image.At(_random.Next(_tableSize)),
            8 => Image.At(table + _random.Next(_tableSize)),
            9 => Image.At(Math.Max(1, table - 1)),
            10 => Image.At(clusters - _random.Next(1, 3)),
            11 or 12 when _data.Count > 0 => Image.At(_data[_random.Next(_data.Count)]),
            _ => Image.At(_random.NextInt64(clusters)),
        };
    }
}
