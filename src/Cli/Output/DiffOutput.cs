using System.Globalization;
using System.Text.Json;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>Runs of a disk that some levels own, one a line, as a table or as a JSON array. Streams: it remembers one run.</summary>
/// <param name="output">Where to.</param>
/// <param name="asJson">Whether as JSON.</param>
/// <param name="spell">How a file's name is to be printed; called for every run.</param>
internal sealed class DiffOutput(TextWriter output, bool asJson, Func<string, string> spell)
{
    private DiskExtent _pending;
    private bool _any;

    public void Begin() => output.Write(asJson ? "[" : "Offset          Length          Kind  Depth  File\n");

    /// <summary>Adds the next run; where it lies in its file does not matter here.</summary>
    public void Add(in DiskExtent extent)
    {
        if (_pending.LengthBytes > 0 && extent.OffsetBytes == _pending.EndBytes && extent.Kind == _pending.Kind && extent.Depth == _pending.Depth)
        {
            _pending = _pending with { LengthBytes = _pending.LengthBytes + extent.LengthBytes };
            return;
        }

        WritePending();
        _pending = extent;
    }

    public void End()
    {
        WritePending();
        output.Write(asJson ? "]\n" : "");
    }

    private void WritePending()
    {
        if (_pending.LengthBytes == 0)
        {
            return;
        }

        string kind = _pending.Kind == ExtentKind.Data ? "data" : "zero";
        string file = spell(_pending.Path!);
        if (asJson)
        {
            output.Write(string.Create(
                CultureInfo.InvariantCulture,
                $"{(_any ? ",\n" : "")}{{ \"start\": {_pending.OffsetBytes}, \"length\": {_pending.LengthBytes}, \"kind\": \"{kind}\", \"depth\": {_pending.Depth}, \"file\": \"{JsonEncodedText.Encode(file)}\"}}"));
        }
        else
        {
            output.Write(string.Create(CultureInfo.InvariantCulture, $"0x{_pending.OffsetBytes,-14:x}0x{_pending.LengthBytes,-14:x}{kind,-6}{_pending.Depth,-7}{DisplayText.Escape(file)}\n"));
        }

        _any = true;
        _pending = default;
    }
}
