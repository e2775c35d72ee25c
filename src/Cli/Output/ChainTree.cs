using QedVd.Host;
using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>Images as a tree: a chain with its top first, or everything that hangs on one base.</summary>
internal static class ChainTree
{
    /// <summary>A chain, top first, each level hanging on the one above it.</summary>
    public static ChainTreeNode OfChain(IEnumerable<ChainTreeNode> levels) =>
        levels.Reverse().Aggregate((lower, upper) => upper with { Children = [lower] });

    /// <summary>On a terminal.</summary>
    public static void Draw(IAnsiConsole console, ChainTreeNode root)
    {
        var tree = new Tree(Label(root));
        AddChildren(tree, root);
        console.Write(tree);
    }

    /// <summary>The same as text, for who does not look at a terminal.</summary>
    public static void Print(TextWriter output, ChainTreeNode root) => Print(output, root, lead: "", indent: "");

    private static void Print(TextWriter output, ChainTreeNode node, string lead, string indent)
    {
        output.WriteLine($"{lead}{DisplayText.Escape(node.Name)}  {node.Summary}");
        string more = node.Children.Count > 1 ? "│   " : "    ";
        foreach (string remark in node.Remarks)
        {
            output.WriteLine($"{indent}{more}{remark}");
        }

        for (int i = 0; i < node.Children.Count; i++)
        {
            bool isLast = i == node.Children.Count - 1;
            Print(output, node.Children[i], $"{indent}{(isLast ? "└── " : "├── ")}", $"{indent}{(isLast ? "    " : "│   ")}");
        }
    }

    private static void AddChildren(IHasTreeNodes parent, ChainTreeNode node)
    {
        foreach (ChainTreeNode child in node.Children)
        {
            AddChildren(parent.AddNode(Label(child)), child);
        }
    }

    private static string Label(ChainTreeNode level)
    {
        string text = $"[bold]{Markup.Escape(DisplayText.Escape(level.Name))}[/]  {Markup.Escape(level.Summary)}";
        return level.Remarks.Count == 0 ? text : $"{text}\n[yellow]{Markup.Escape(string.Join('\n', level.Remarks))}[/]";
    }
}
