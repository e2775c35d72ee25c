using System.Text.Unicode;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>
/// The runs of a disk as qemu-img prints them. Streams: it remembers one run and one buffer, however large the image.
/// </summary>
internal sealed class MapOutput(Stream output, bool asJson) : IDisposable
{
    private const int BufferBytes = 64 << 10;
    private const int LongestLineBytes = 256;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _used;
    private bool _any;
    private MapRun _pending;
    private Dictionary<string, byte[]>? _names;

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

    private void WriteJson(in MapRun run)
    {
        if (_any)
        {
            Append(",\n"u8);
        }

        _any = true;
        Reserve(LongestLineBytes);
        bool isData = run.Kind == ExtentKind.Data;
        string present = run.Kind == ExtentKind.Free ? "false" : "true";
        Utf8.TryWrite(
            _buffer.AsSpan(_used),
            null,
            $"{{ \"start\": {run.OffsetBytes}, \"length\": {run.LengthBytes}, \"depth\": {run.Depth}, \"present\": {present}, \"zero\": {(isData ? "false" : "true")}, \"data\": {(isData ? "true" : "false")}",
            out int written);
        _used += written;
        if (run.StorageOffset != Extent.NoOffset)
        {
            Utf8.TryWrite(_buffer.AsSpan(_used), null, $", \"offset\": {run.StorageOffset}", out written);
            _used += written;
        }

        Append("}"u8);
    }

    private void WriteText(in MapRun run, string path)
    {
        Reserve(LongestLineBytes);
        AppendHex(run.OffsetBytes);
        AppendHex(run.LengthBytes);
        AppendHex(Math.Max(0, run.StorageOffset));
        Append(NameOf(path));
        Append("\n"u8);
    }

    private void AppendHex(long value)
    {
        const int ColumnBytes = 16;
        int end = _used + ColumnBytes;
        int written;
        if (value == 0)
        {
            Utf8.TryWrite(_buffer.AsSpan(_used), null, $"0", out written);
        }
        else
        {
            Utf8.TryWrite(_buffer.AsSpan(_used), null, $"0x{value:x}", out written);
        }

        _used += written;
        while (_used < end)
        {
            _buffer[_used++] = (byte)' ';
        }
    }

    private byte[] NameOf(string path)
    {
        _names ??= new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (!_names.TryGetValue(path, out byte[]? name))
        {
            name = System.Text.Encoding.UTF8.GetBytes(DisplayText.Escape(Spell(path)));
            _names.Add(path, name);
        }

        return name;
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
