using QedVd.Host;
using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>A chain as a tree, top first, on a terminal.</summary>
internal static class ChainTree
{
    public static void Draw(IAnsiConsole console, IReadOnlyList<ChainTreeNode> levels)
    {
        var tree = new Tree(Label(levels[0]));
        IHasTreeNodes at = tree;
        foreach (ChainTreeNode level in levels.Skip(1))
        {
            at = at.AddNode(Label(level));
        }

        console.Write(tree);
    }

    /// <summary>The same as text, for who does not look at a terminal.</summary>
    public static void Print(TextWriter output, IReadOnlyList<ChainTreeNode> levels)
    {
        string indent = "";
        foreach (ChainTreeNode level in levels)
        {
            string lead = indent.Length == 0 ? "" : $"{indent[4..]}└── ";
            output.WriteLine($"{lead}{DisplayText.Escape(level.Name)}  {level.Summary}");
            foreach (string remark in level.Remarks)
            {
                output.WriteLine($"{indent}    {remark}");
            }

            indent += "    ";
        }
    }

    private static string Label(ChainTreeNode level)
    {
        string text = $"[bold]{Markup.Escape(DisplayText.Escape(level.Name))}[/]  {Markup.Escape(level.Summary)}";
        return level.Remarks.Count == 0 ? text : $"{text}\n[yellow]{Markup.Escape(string.Join('\n', level.Remarks))}[/]";
    }
}
