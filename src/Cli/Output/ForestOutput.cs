using System.Text.Json;
using QedVd.Cli.Options;
using QedVd.Host;
using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>The images of some folders and how they hang together, as trees and as JSON.</summary>
/// <param name="forest">What the scan found.</param>
/// <param name="roots">The trees to show.</param>
/// <param name="spell">How a full path is to be printed.</param>
internal sealed class ForestOutput(ImageForest forest, IReadOnlyList<ScannedImage> roots, Func<string, string> spell)
{
    /// <summary>Whether anything is not as it should be.</summary>
    public bool HasTrouble => forest.Problems.Count > 0 || forest.Unfinished.Count > 0 || Shown().Any(IsBroken);

    public void Write(TextWriter output, bool isTerminal)
    {
        IAnsiConsole? console = isTerminal ? Terminal.ForOutput() : null;
        foreach (ScannedImage root in roots)
        {
            if (console is null)
            {
                ChainTree.Print(output, Node(root));
            }
            else
            {
                ChainTree.Draw(console, Node(root));
            }
        }

        if (roots.Count == 0)
        {
            output.WriteLine("No images.");
        }

        foreach (UnfinishedMerge merge in forest.Unfinished.Where(merge => Shown().All(image => image.Path != merge.SurvivorPath)))
        {
            output.WriteLine($"{DisplayText.Escape(spell(merge.JournalPath))}: {Unfinished(merge)}");
        }

        foreach (ScanProblem problem in forest.Problems)
        {
            output.WriteLine($"Not looked at: {ErrorText.Of(problem.Message)}");
        }
    }

    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartArray("images");
        foreach (ScannedImage image in Shown())
        {
            Write(json, image);
        }

        json.WriteEndArray();
        json.WriteArray("roots", [.. roots.Select(root => spell(root.Path))]);
        json.WriteStartArray("unfinished-merges");
        foreach (UnfinishedMerge merge in forest.Unfinished)
        {
            json.WriteStartObject();
            json.WriteString("journal", spell(merge.JournalPath));
            json.WriteString("survivor", spell(merge.SurvivorPath));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("problems");
        foreach (ScanProblem problem in forest.Problems)
        {
            json.WriteStartObject();
            json.WriteString("filename", spell(problem.Path));
            json.WriteString("message", ErrorText.Of(problem.Message));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string LinkName(LinkState link) => link switch
    {
        LinkState.None => "none",
        LinkState.Found => "found",
        LinkState.OutsideScan => "elsewhere",
        LinkState.Missing => "missing",
        LinkState.RefusedByPolicy => "refused",
        LinkState.WrongFormat => "wrong-format",
        LinkState.Cycle => "cycle",
        LinkState.Unreadable => "unreadable",
        _ => "broken",
    };

    private static bool IsBroken(ScannedImage image) => image.Link is not (LinkState.None or LinkState.Found or LinkState.OutsideScan);

    private static string Unfinished(UnfinishedMerge merge) =>
        $"a merge into '{DisplayText.Escape(Path.GetFileName(merge.SurvivorPath))}' was interrupted; run the same qedvd merge again to finish it";

    private IEnumerable<ScannedImage> Shown() => roots.SelectMany(Under);

    private static IEnumerable<ScannedImage> Under(ScannedImage image) => image.Children.SelectMany(Under).Prepend(image);

    private ChainTreeNode Node(ScannedImage image)
    {
        List<string> remarks = [];
        if (image.Explanation.Length > 0)
        {
            remarks.Add($"{(IsBroken(image) ? "BROKEN: " : "")}{ErrorText.Of(image.Explanation)}");
        }

        if (image.Flags.HasFlag(ImageFlags.NeedsCheck))
        {
            remarks.Add("not closed cleanly; qedvd check says what that left");
        }

        remarks.AddRange(forest.Unfinished.Where(merge => merge.SurvivorPath == image.Path).Select(Unfinished));
        remarks.AddRange(image.OtherPaths.Select(path => $"also named '{DisplayText.Escape(spell(path))}'"));
        remarks.AddRange(image.Warnings);
        return new ChainTreeNode(spell(image.Path), $"{image.FormatId}, {SizeText.Human(image.VirtualSizeBytes)}, {SizeText.Human(image.AllocatedBytes)} on disk", remarks)
        {
            Children = [.. image.Children.Select(Node)],
        };
    }

    private void Write(Utf8JsonWriter json, ScannedImage image)
    {
        json.WriteStartObject();
        json.WriteString("filename", spell(image.Path));
        json.WriteString("format", image.FormatId);
        json.WriteNumber("virtual-size", image.VirtualSizeBytes);
        json.WriteNumber("actual-size", image.AllocatedBytes);
        json.WriteNumber("file-length", image.FileLengthBytes);
        json.WriteBoolean("dirty-flag", image.Flags.HasFlag(ImageFlags.NeedsCheck));
        if (image.ParentName is not null)
        {
            json.WriteString("backing-filename", System.Text.Encoding.UTF8.GetString(image.ParentNameBytes.Span));
            json.WriteIfAny("full-backing-filename", image.ParentPath is { } path ? spell(path) : null);
            json.WriteIfAny("backing-filename-format", image.ParentFormatId);
        }

        json.WriteString("link", LinkName(image.Link));
        json.WriteIfAny("explanation", image.Explanation.Length > 0 ? ErrorText.Of(image.Explanation) : null);
        json.WriteIfAny("parent", image.Parent is { } parent ? spell(parent.Path) : null);
        json.WriteArray("children", [.. image.Children.Select(child => spell(child.Path))]);
        json.WriteIfAny("other-names", [.. image.OtherPaths.Select(spell)]);
        json.WriteIfAny("warnings", image.Warnings);
        json.WriteEndObject();
    }
}
