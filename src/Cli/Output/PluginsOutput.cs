using System.Text.Json;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>Plugins and their backends, as text and as JSON.</summary>
internal static class PluginsOutput
{
    public static void WriteText(TextWriter output, IReadOnlyList<PluginReport> plugins)
    {
        foreach (PluginReport plugin in plugins)
        {
            string version = plugin.AssemblyVersion is null ? "" : $" {plugin.AssemblyVersion.ToString(3)}";
            string contract = plugin.ContractVersion is null ? "" : $", contract {plugin.ContractVersion}";
            output.WriteLine($"{DisplayText.Escape(plugin.Name)}{version}: {plugin.State.ToString().ToLowerInvariant()}{contract}");
            output.WriteLine($"  {DisplayText.Escape(plugin.Path)}");
            if (plugin.Reason is { } reason)
            {
                output.WriteLine($"  why not: {DisplayText.Escape(reason)}");
            }

            foreach (BackendInfo backend in plugin.Backends)
            {
                output.WriteLine($"  {backend.Id}: {DisplayText.Escape(backend.DisplayName)}; {Capabilities(backend)}");
            }
        }

        if (plugins.Count == 0)
        {
            output.WriteLine("No plugins were found.");
        }
    }

    public static void WriteJson(Utf8JsonWriter json, IReadOnlyList<PluginReport> plugins)
    {
        json.WriteStartArray();
        foreach (PluginReport plugin in plugins)
        {
            json.WriteStartObject();
            json.WriteString("name", plugin.Name);
            json.WriteString("filename", plugin.Path);
            json.WriteString("state", plugin.State.ToString().ToLowerInvariant());
            json.WriteIfAny("reason", plugin.Reason);
            json.WriteIfAny("version", plugin.AssemblyVersion?.ToString(3));
            json.WriteIfAny("contract", plugin.ContractVersion?.ToString());
            json.WriteIfAny("framework", plugin.TargetFramework);
            json.WriteStartArray("backends");
            foreach (BackendInfo backend in plugin.Backends)
            {
                WriteJson(json, backend);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static string Capabilities(BackendInfo backend) => backend.Capabilities.ToString();

    private static void WriteJson(Utf8JsonWriter json, BackendInfo backend)
    {
        json.WriteStartObject();
        json.WriteString("id", backend.Id);
        json.WriteString("name", backend.DisplayName);
        json.WriteStartArray("capabilities");
        foreach (string capability in Capabilities(backend).Split(", "))
        {
            json.WriteStringValue(capability);
        }

        json.WriteEndArray();
        json.WriteIfAny("extensions", backend.FileExtensions);
        json.WriteIfAny("options", [.. backend.Options.Select(option => option.Name)]);
        json.WriteEndObject();
    }
}
