using QedVd.Host;
using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>Plugins and their backends as a table, on a terminal.</summary>
internal static class PluginsTable
{
    public static void Draw(IAnsiConsole console, IReadOnlyList<PluginReport> plugins)
    {
        Table table = new Table().RoundedBorder().AddColumns("plugin", "state", "backends");
        foreach (PluginReport plugin in plugins)
        {
            string backends = plugin.Reason is { } reason
                ? $"[red]{Safe(reason)}[/]"
                : string.Join('\n', plugin.Backends.Select(backend => $"[bold]{Safe(backend.Id)}[/] {Safe(backend.DisplayName)}\n[grey]{Safe(PluginsOutput.Capabilities(backend))}[/]"));
            table.AddRow($"{Safe(plugin.Name)} {plugin.AssemblyVersion?.ToString(3)}\n[grey]{Safe(plugin.Path)}[/]", plugin.State.ToString().ToLowerInvariant(), backends);
        }

        console.Write(table);
    }

    private static string Safe(string text) => Markup.Escape(DisplayText.Escape(text));
}
