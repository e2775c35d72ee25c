using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Host;

namespace QedVd.Cli.Options;

/// <summary>The options of a verb that opens an image together with its parents.</summary>
internal sealed class ChainOptions
{
    private readonly Option<string[]> _allow;
    private readonly Option _trusted;
    private readonly Option<string[]> _parentFormats;
    private readonly Option? _share;
    private readonly Option _missing;

    private ChainOptions(Option<string[]> allow, Option trusted, Option<string[]> parentFormats, Option? share, Option missing)
    {
        _allow = allow;
        _trusted = trusted;
        _parentFormats = parentFormats;
        _share = share;
        _missing = missing;
    }

    /// <summary>Adds the options to a verb.</summary>
    /// <param name="command">The verb's command.</param>
    /// <param name="mayShare">Whether <c>-U</c> makes sense: for reading only.</param>
    public static ChainOptions AddTo(Command command, bool mayShare)
    {
        var allow = new Option<string[]>("--allow")
        {
            HelpName = "DIR",
            Description = "Parents may lie below DIR too, not only below the image's own folder. May be given several times.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option trusted = Verb.MakeSwitch("--trusted", "Parents may lie anywhere.");
        var parentFormats = new Option<string[]>("--parent-format")
        {
            HelpName = "FORMAT",
            Description = "Parents may be of FORMAT too, not only qed; raw: take those as raw that nothing recognises.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option missing = Verb.MakeSwitch("--missing-parent", "Read on where a parent does not exist, as if it held zeros.");
        missing.Hidden = !mayShare;
        command.Add(allow);
        command.Add(trusted);
        command.Add(parentFormats);
        command.Add(missing);
        Option? share = null;
        if (mayShare)
        {
            share = AddForceShare(command);
        }

        return new ChainOptions(allow, trusted, parentFormats, share, missing);
    }

    /// <summary>Adds <c>-U</c>.</summary>
    public static Option AddForceShare(Command command)
    {
        Option share = Verb.MakeSwitch("--force-share", "Mind no locks: read although another program may be writing.", "-U");
        command.Add(share);
        return share;
    }

    /// <summary>What was given, as the host wants it.</summary>
    public DiskOpenOptions Read(VerbRun run, string? format, bool readOnly, ConsistencyMode mode = ConsistencyMode.Ordered)
    {
        bool share = _share is not null && run.Has(_share);
        bool missing = run.Has(_missing);
        if (!readOnly && (share || missing))
        {
            throw new CliException($"{(share ? "-U" : "--missing-parent")}: is for reading; a disk opened so is not written, because that would destroy data.");
        }

        run.SaysWarnings |= missing;
        return new DiskOpenOptions
        {
            Format = format,
            ReadOnly = readOnly,
            Mode = mode,
            ForceShare = share,
            Trust = run.Has(_trusted) ? ReferenceTrust.Trusted : ReferenceTrust.Confined,
            AllowedRoots = [.. run.Get(_allow).Select(HostPath.Full)],
            AllowedParentFormats = [.. new DiskOpenOptions().AllowedParentFormats.Union(run.Get(_parentFormats))],
            AllowMissingParent = missing,
        };
    }
}
