using System.Text.Json;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>What a verb tells in one call: its progress, and its result as text or as JSON.</summary>
internal sealed class Report(VerbRun run, bool isJson, bool isQuiet, bool isProgressAsked)
{
    public bool IsJson { get; } = isJson;

    public bool IsQuiet { get; } = isQuiet;

    public bool IsProgressAsked { get; } = isProgressAsked;

    /// <summary>Runs an operation and shows how far it is; never among the JSON on the standard output.</summary>
    public Task<T> FollowAsync<T>(string title, Func<IProgress<OperationProgress>, ValueTask<T>> operation) =>
        ProgressDisplay.RunAsync(run, title, IsProgressAsked && !IsJson, IsQuiet, operation);

    /// <inheritdoc cref="FollowAsync{T}"/>
    public Task FollowAsync(string title, Func<IProgress<OperationProgress>, ValueTask> operation) =>
        FollowAsync(title, async progress =>
        {
            await operation(progress);
            return true;
        });

    /// <summary>Prints the result: an object whose properties are written by the one, or the lines that the other writes.</summary>
    public void Write(Action<Utf8JsonWriter> properties, Action<TextWriter> text)
    {
        if (IsJson)
        {
            WriteJson(json =>
            {
                json.WriteStartObject();
                properties(json);
                json.WriteEndObject();
            });
        }
        else
        {
            WriteText(text);
        }
    }

    public void WriteJson(Action<Utf8JsonWriter> content) => JsonOutput.Write(run, content);

    public void WriteText(Action<TextWriter> text)
    {
        if (!IsQuiet)
        {
            text(run.Out);
        }
    }
}
