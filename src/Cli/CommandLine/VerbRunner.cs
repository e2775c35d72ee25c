using System.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>From the arguments to the exit code: finds the verb, parses, runs it, and turns whatever goes wrong into one line.</summary>
internal static class VerbRunner
{
    private static readonly ParserConfiguration s_parser = new() { ResponseFileTokenReplacer = null };

    public static int Run(string[] args)
    {
        using var streams = new StandardStreams();
        return Run(args, streams, static () => new DiskHostOptions());
    }

    /// <summary>The same with the outputs, and the backends, of who calls.</summary>
    public static int Run(string[] args, StandardStreams streams, Func<DiskHostOptions> hostOptions)
    {
        int code;
        try
        {
            code = Start(args, streams, hostOptions);
            streams.Out.Flush();
        }
        catch (OutputClosedException)
        {
            return ExitCode.OutputClosed;
        }
        catch (IOException exception)
        {
            code = Fail(streams, null, $"standard output: {exception.Message}; nothing more could be printed.", ExitCode.Failed);
        }

        return code;
    }

    private static int Start(string[] args, StandardStreams streams, Func<DiskHostOptions> hostOptions)
    {
        string first = args.Length == 0 ? "--help" : args[0];
        if (first == "help" && args.Length > 1)
        {
            return Start([args[1], "--help"], streams, hostOptions);
        }

        switch (first)
        {
            case "-h" or "--help" or "help" or "-?":
                HelpWriter.WriteOverview(streams.Out);
                return ExitCode.Ok;
            case "-V" or "--version":
                streams.Out.WriteLine(typeof(VerbRunner).Assembly.GetName().Version!.ToString(3));
                return ExitCode.Ok;
        }

        VerbEntry? entry = VerbList.Find(first);
        if (entry is null)
        {
            return Fail(streams, null, $"'{first}' is not a verb; qedvd --help lists them.", ExitCode.Failed);
        }

        Verb verb = entry.Create();
        if (args.TakeWhile(argument => argument != "--").Any(argument => argument is "-h" or "--help"))
        {
            return Help(entry, verb, streams, hostOptions);
        }

        ParseResult parsed = verb.Command.Parse(args, s_parser);
        if (UsageCheck.Find(verb, parsed) is { } mistake)
        {
            return Fail(streams, entry.Name, $"{mistake} See qedvd {entry.Name} --help.", ExitCode.Failed);
        }

        using Interrupt? interrupt = verb.StopsCleanly ? new Interrupt() : null;
        CancellationToken cancellation = interrupt?.Token ?? default;
        int code = Guard(entry.Name, verb, parsed.GetResult(verb.Debug) is not null, streams, () => RunVerbAsync(verb, parsed, streams, hostOptions, cancellation), cancellation);
        return code == ExitCode.Interrupted ? interrupt!.ExitCode : code;
    }

    private static async Task<int> RunVerbAsync(Verb verb, ParseResult parsed, StandardStreams streams, Func<DiskHostOptions> hostOptions, CancellationToken cancellation)
    {
        await using var run = new VerbRun(verb, parsed, streams, hostOptions, cancellation);
        return await verb.RunAsync(run);
    }

    private static int Help(VerbEntry entry, Verb verb, StandardStreams streams, Func<DiskHostOptions> hostOptions)
    {
        ParseResult nothing = verb.Command.Parse([entry.Name], s_parser);
        return Guard(entry.Name, verb, debug: false, streams, HelpAsync, default);

        async Task<int> HelpAsync()
        {
            await using var run = new VerbRun(verb, nothing, streams, hostOptions, default);
            HelpWriter.WriteVerb(streams.Out, entry, verb);
            await verb.WriteMoreHelpAsync(run);
            return ExitCode.Ok;
        }
    }

    private static int Guard(string name, Verb verb, bool debug, StandardStreams streams, Func<Task<int>> action, CancellationToken cancellation)
    {
        try
        {
            Task<int> task = action();
            // The verb itself ends when it is cancelled, after it has cleaned up.
            SyncIo.Block(task, CancellationToken.None);
            return task.GetAwaiter().GetResult();
        }
        catch (OutputClosedException)
        {
            throw;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return Fail(streams, name, verb.StoppedText, ExitCode.Interrupted);
        }
        catch (CliException exception)
        {
            Trace(exception);
            return Fail(streams, name, exception.Message, exception.ExitCode);
        }
        catch (Exception exception) when (exception is ImageException or IOException or UnauthorizedAccessException)
        {
            Trace(exception);
            return Fail(streams, name, ErrorText.Of(exception, verb.Command), verb.FailureCode(exception));
        }
        catch (Exception exception)
        {
            Trace(exception);
            string hint = debug ? "" : " --debug shows the trace.";
            return Fail(streams, name, $"unexpected error ({exception.GetType().Name}): {exception.Message}{hint}", verb.FailureCode(exception));
        }

        void Trace(Exception exception)
        {
            if (debug)
            {
                streams.Out.Flush();
                streams.Error.WriteLine(exception);
            }
        }
    }

    private static int Fail(StandardStreams streams, string? verb, string message, int code)
    {
        try
        {
            // What was found out so far comes first, wherever the two outputs go.
            streams.Out.Flush();
        }
        catch (IOException)
        {
            // The error below matters more.
        }

        streams.Error.WriteLine(DisplayText.Escape(ErrorText.Tidy(verb is null ? $"qedvd: {message}" : $"qedvd: {verb}: {message}").TrimEnd()));
        return code;
    }
}
