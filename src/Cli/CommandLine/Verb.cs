using System.CommandLine;

namespace QedVd.Cli.CommandLine;

/// <summary>One verb of the command line: its options and operands, and what it does. One file each, in <c>Verbs</c>.</summary>
/// <remarks>
/// All options are text or switches, turned into values by the verb (<see cref="Options"/>): the parser then needs no generic code beyond its own,
/// which keeps the start short, and messages are ours.
/// </remarks>
internal abstract class Verb
{
    protected Verb(string name)
    {
        Command = new Command(name);
        Debug = Switch("--debug", "Show the trace of an unexpected error.");
        PluginFolders = Texts("--plugins", "DIR", "Load plugins from DIR too. May be given several times.");
    }

    /// <summary>What the parser works with.</summary>
    public Command Command { get; }

    public Option Debug { get; }

    public Option<string[]> PluginFolders { get; }

    /// <summary>How it is called, without the program's name; one line each.</summary>
    public abstract IReadOnlyList<string> Forms { get; }

    /// <summary>What the help says below the forms; lines of at most 100 characters.</summary>
    public virtual string Details => "";

    /// <summary>Whether an interrupt is to be met by stopping cleanly; where nothing can be left half made, the system's own way is quicker.</summary>
    public virtual bool StopsCleanly => true;

    /// <summary>What is said when it was stopped.</summary>
    public virtual string StoppedText => "interrupted; nothing half made was left behind.";

    public abstract ValueTask<int> RunAsync(VerbRun run);

    /// <summary>Whether a word that begins like an option is an operand of this verb.</summary>
    public virtual bool IsOperand(string word) => false;

    /// <summary>The exit code for an error.</summary>
    public virtual int FailureCode(Exception exception) => ExitCode.Failed;

    /// <summary>Adds to the help what only the host knows.</summary>
    public virtual ValueTask WriteMoreHelpAsync(VerbRun run) => default;

    protected Option Switch(string name, string description, params string[] aliases) => Add(MakeSwitch(name, description, aliases));

    /// <summary>An option without a value. Not one of bool: code for that would have to be compiled at each start.</summary>
    public static Option MakeSwitch(string name, string description, params string[] aliases) =>
        new Option<string?>(name, aliases) { Description = description, Arity = ArgumentArity.Zero };

    /// <summary>The option <c>-f</c>.</summary>
    /// <param name="whose">Whose format it is.</param>
    /// <param name="isForWriting">Whether the image is written, so that raw, which is never certain, is not found by probing.</param>
    protected Option<string?> ImageFormat(string whose = "The image's", bool isForWriting = false) =>
        Text("--format", "FORMAT", $"{whose} format; found by probing unless given.{(isForWriting ? " Raw must be given." : "")}", "-f");

    protected Option<string?> Text(string name, string valueName, string description, params string[] aliases) =>
        Add(new Option<string?>(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.ExactlyOne });

    protected Option<string[]> Texts(string name, string valueName, string description, params string[] aliases) =>
        Add(new Option<string[]>(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false });

    protected Argument<string?> Operand(string name, string description) =>
        Add(new Argument<string?>(name) { Description = description, Arity = ArgumentArity.ExactlyOne });

    protected Argument<string?> OptionalOperand(string name, string description) =>
        Add(new Argument<string?>(name) { Description = description, Arity = ArgumentArity.ZeroOrOne });

    protected Argument<string[]> Operands(string name, string description) =>
        Add(new Argument<string[]>(name) { Description = description, Arity = ArgumentArity.OneOrMore });

    private TOption Add<TOption>(TOption option)
        where TOption : Option
    {
        Command.Add(option);
        return option;
    }

    private Argument<T> Add<T>(Argument<T> argument)
    {
        Command.Add(argument);
        return argument;
    }
}
