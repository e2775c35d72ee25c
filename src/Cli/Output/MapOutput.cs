using System.Runtime.CompilerServices;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>
/// The runs of a disk as qemu-img prints them. Streams: it remembers one run and one buffer, however large the image.
/// </summary>
internal sealed class MapOutput(Stream output, bool asJson) : IDisposable
{
    private const int BufferBytes = 256 << 10;
    private const int LongestLineBytes = 256;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _used;
    private bool _any;
    private MapRun _pending;
    private Dictionary<string, byte[]>? _names;
    private string? _lastPath;
    private byte[] _lastName = [];

    /// <summary>How a file's name is to be printed; escaped and encoded once for each.</summary>
    public required Func<string, string> Spell { get; init; }

    public void Begin()
    {
        if (asJson)
        {
            Append("["u8);
        }
        else
        {
            Append("Offset          Length          Mapped to       File\n"u8);
        }
    }

    /// <summary>Adds the next run; it is merged with the one before where the two are one piece.</summary>
    public void Add(in MapRun run)
    {
        if (_pending.TryAppend(run))
        {
            return;
        }

        WritePending();
        _pending = run;
    }

    public void End()
    {
        WritePending();
        if (asJson)
        {
            Append("]\n"u8);
        }

        Flush();
    }

    /// <summary>Nothing is written on disposal: what was not ended is not complete.</summary>
    public void Dispose() => _used = 0;

    private void WritePending()
    {
        if (_pending.LengthBytes == 0)
        {
            return;
        }

        if (asJson)
        {
            WriteJson(_pending);
        }
        else if (_pending is { Kind: ExtentKind.Data, Path: { } path })
        {
            WriteText(_pending, path);
        }

        _pending = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteJson(in MapRun run)
    {
        if (_any)
        {
            Append(",\n"u8);
        }

        _any = true;
        Reserve(LongestLineBytes);
        LineBytes line = new(_buffer, _used);
        line.Text("{ \"start\": "u8);
        line.Number(run.OffsetBytes);
        line.Text(", \"length\": "u8);
        line.Number(run.LengthBytes);
        line.Text(", \"depth\": "u8);
        line.Number(run.Depth);
        line.Text(run.Kind switch
        {
            ExtentKind.Data => ", \"present\": true, \"zero\": false, \"data\": true"u8,
            ExtentKind.Zero => ", \"present\": true, \"zero\": true, \"data\": false"u8,
            _ => ", \"present\": false, \"zero\": true, \"data\": false"u8,
        });
        if (run.StorageOffset != Extent.NoOffset)
        {
            line.Text(", \"offset\": "u8);
            line.Number(run.StorageOffset);
        }

        line.Text("}"u8);
        _used = line.Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteText(in MapRun run, string path)
    {
        Reserve(LongestLineBytes);
        LineBytes line = new(_buffer, _used);
        line.HexColumn(run.OffsetBytes);
        line.HexColumn(run.LengthBytes);
        line.HexColumn(Math.Max(0, run.StorageOffset));
        _used = line.Length;
        Append(NameOf(path));
        Append("\n"u8);
    }

    private byte[] NameOf(string path)
    {
        if (ReferenceEquals(path, _lastPath))
        {
            return _lastName;
        }

        _names ??= new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (!_names.TryGetValue(path, out byte[]? name))
        {
            name = System.Text.Encoding.UTF8.GetBytes(DisplayText.Escape(Spell(path)));
            _names.Add(path, name);
        }

        _lastPath = path;
        return _lastName = name;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _buffer.Length - _used)
        {
            Flush();
            if (bytes.Length > _buffer.Length)
            {
                output.Write(bytes);
                return;
            }
        }

        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    private void Reserve(int bytes)
    {
        if (_buffer.Length - _used < bytes)
        {
            Flush();
        }
    }

    private void Flush()
    {
        output.Write(_buffer.AsSpan(0, _used));
        _used = 0;
    }
}
