namespace QedVd.TestKit;

/// <summary>What a crash may leave of a simulated file.</summary>
/// <remarks>Made when it is asked for: until then a state is a handful of numbers.</remarks>
public sealed class CrashState
{
    private readonly Lazy<SimulatedFile> _file;
    private readonly Lazy<string> _description;

    /// <summary>A state that is there already.</summary>
    public CrashState(int position, SimulatedFile file, string description)
    {
        Position = position;
        _file = new Lazy<SimulatedFile>(file);
        _description = new Lazy<string>(description);
    }

    internal CrashState(int position, UInt128 hash, Func<SimulatedFile> file, Func<string> description)
    {
        Position = position;
        Hash = hash;
        _file = new Lazy<SimulatedFile>(file);
        _description = new Lazy<string>(description);
    }

    /// <summary>How many entries of the trace had taken effect when it crashed; the test's marks before it had been reached.</summary>
    public int Position { get; }

    /// <summary>Equal for states of one recording and one crash model that hold the same bytes; 0 for a state that was given as a file.</summary>
    public UInt128 Hash { get; }

    /// <summary>A new file with what is left, all of it durable.</summary>
    public SimulatedFile File => _file.Value;

    /// <summary>For a failed test: what was kept and what was lost.</summary>
    public string Description => _description.Value;
}
