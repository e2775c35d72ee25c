using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;
using Spectre.Console;

namespace QedVd.Cli.Demo;

/// <summary>How the demo speaks: with colours and a drawn tree on a terminal, else in plain text.</summary>
internal sealed class DemoTeller
{
    private const int PlainCells = 64;

    private readonly TextWriter _output;
    private readonly IAnsiConsole? _console;
    private readonly int _cells;
    private int _step;

    public DemoTeller(StandardStreams streams)
    {
        _output = streams.Out;
        _cells = PlainCells;
        if (streams.IsOutTerminal)
        {
            _console = Terminal.ForOutput();
            _cells = Math.Clamp(_console.Profile.Width - 20, 16, 160);
        }
    }

    public void Step(string title) => Write($"\n{++_step}. {title}", "bold");

    public void Say(string text) => Write($"   {text}", null);

    public void Good(string text) => Write($"   ok: {text}", "green");

    public void Bad(string text) => Write($"   NOT OK: {text}", "red");

    public void Chain(IReadOnlyList<DiskLevel> levels)
    {
        ChainTreeNode chain = ChainTree.OfChain(levels.Select(Node));
        if (_console is null)
        {
            ChainTree.Print(_output, chain);
        }
        else
        {
            ChainTree.Draw(_console, chain);
        }
    }

    /// <summary>What each level holds, and which level the disk's data comes from.</summary>
    public async Task PicturesAsync(DiskHost host, VirtualDisk disk, IReadOnlyList<DiskLevel> levels, CancellationToken cancellation)
    {
        Step($"Who holds what: each character stands for {SizeText.Human(Math.Max(1, disk.LengthBytes / _cells))} of the disk");
        foreach (DiskLevel level in levels)
        {
            await using OpenedImage image = await host.OpenImageAsync(level.Path, new ImageOpenRequest { Format = level.FormatId, ForContent = true }, cancellation);
            Picture($"level {level.Depth}", AllocationPicture.OfImage(image.Image, disk.LengthBytes, _cells, cancellation));
        }

        Picture("the disk", AllocationPicture.OfDisk(disk, _cells, cancellation));
        Say(AllocationPicture.Legend);
        Say("The last line names the level that the disk's data comes from.");
    }

    private static ChainTreeNode Node(DiskLevel level)
    {
        string access = level.IsReadOnly ? "read-only" : "writable";
        string clusters = level.BlockBytes > 1 ? $", clusters of {SizeText.Human(level.BlockBytes)}" : "";
        return new ChainTreeNode(
            $"level {level.Depth}: {level.Path}",
            $"{level.FormatId}, {SizeText.Human(level.VirtualSizeBytes)}{clusters}, {SizeText.Human(level.AllocatedBytes)} on the volume, {access}",
            level.Warnings);
    }

    private void Picture(string name, string picture)
    {
        if (_console is null)
        {
            _output.WriteLine($"   {name,-9} |{picture}|");
            return;
        }

        string coloured = string.Concat(picture.Select(mark => mark switch
        {
            '.' => "[grey].[/]",
            'z' => "[blue]z[/]",
            ' ' => " ",
            _ => $"[green]{mark}[/]",
        }));
        _console.MarkupLine($"   {name,-9} |{coloured}|");
    }

    private void Write(string text, string? style)
    {
        // A line break at the start is ours; what follows may hold a file's name.
        string lead = text.StartsWith('\n') ? "\n" : "";
        string safe = lead + DisplayText.Escape(text[lead.Length..]);
        if (_console is null)
        {
            _output.WriteLine(safe);
        }
        else
        {
            _console.WriteLine(safe, style is null ? Style.Plain : Style.Parse(style));
        }
    }
}
