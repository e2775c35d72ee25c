namespace QedVd.Cli.CommandLine;

/// <summary>Exit codes, as qemu-img has them.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;

    public const int CheckCorrupt = 2;
    public const int CheckLeaks = 3;
    public const int CheckNotSupported = 63;

    public const int CompareDifferent = 1;
    public const int CompareNotOpened = 2;
    public const int CompareNotMapped = 3;
    public const int CompareNotRead = 4;

    /// <summary>128 + SIGHUP.</summary>
    public const int HungUp = 129;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;

    /// <summary>128 + SIGTERM.</summary>
    public const int Terminated = 143;

    /// <summary>128 + SIGPIPE: who read our output has gone.</summary>
    public const int OutputClosed = 141;
}
