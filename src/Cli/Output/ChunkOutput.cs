using System.Text.Unicode;

namespace QedVd.Cli.Output;

/// <summary>The pieces of an image's file, one a line, as text or as a JSON array. Streams: it holds one buffer, however large the image.</summary>
internal sealed class ChunkOutput(Stream output, bool asJson)
{
    private const int BufferBytes = 64 << 10;
    private const int LongestLineBytes = 256;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _used;
    private bool _any;

    public void Begin() => Append(asJson ? "["u8 : "Kind            File offset     Length          Disk offset\n"u8);

    public void Add(in MetadataChunk chunk)
    {
        if (_buffer.Length - _used < LongestLineBytes)
        {
            Flush();
        }

        if (asJson)
        {
            AddJson(chunk);
        }
        else
        {
            AddText(chunk);
        }

        _any = true;
    }

    /// <summary>What was not ended is not complete, and is not all written.</summary>
    public void End()
    {
        Append(asJson ? "]\n"u8 : default);
        Flush();
    }

    private static string Name(MetadataChunkKind kind) => kind switch
    {
        MetadataChunkKind.Header => "header",
        MetadataChunkKind.TopTable => "top-table",
        MetadataChunkKind.Table => "table",
        MetadataChunkKind.Data => "data",
        _ => "other",
    };

    private void AddJson(in MetadataChunk chunk)
    {
        Append(_any ? ",\n"u8 : default);
        Utf8.TryWrite(_buffer.AsSpan(_used), null, $"{{ \"kind\": \"{Name(chunk.Kind)}\", \"offset\": {chunk.StorageOffset}, \"length\": {chunk.LengthBytes}", out int written);
        _used += written;
        if (chunk.DiskOffset >= 0)
        {
            Utf8.TryWrite(_buffer.AsSpan(_used), null, $", \"start\": {chunk.DiskOffset}", out written);
            _used += written;
        }

        Append("}"u8);
    }

    private void AddText(in MetadataChunk chunk)
    {
        Utf8.TryWrite(_buffer.AsSpan(_used), null, $"{Name(chunk.Kind),-16}0x{chunk.StorageOffset,-14:x}0x{chunk.LengthBytes,-14:x}", out int written);
        _used += written;
        if (chunk.DiskOffset >= 0)
        {
            Utf8.TryWrite(_buffer.AsSpan(_used), null, $"0x{chunk.DiskOffset:x}\n", out written);
            _used += written;
        }
        else
        {
            Append("-\n"u8);
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    private void Flush()
    {
        output.Write(_buffer.AsSpan(0, _used));
        _used = 0;
    }
}
