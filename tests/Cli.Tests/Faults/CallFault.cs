namespace QedVd.Cli.Tests.Faults;

/// <summary>How a system call of a command goes wrong for real, by strace.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Call">The call.</param>
/// <param name="Result">What strace makes of it.</param>
/// <param name="Ending">How the command must end then.</param>
/// <param name="Part">What the call has in its line, where not all of them are meant.</param>
internal sealed record CallFault(string Name, string Call, string Result, CallFault.Endings Ending, string Part = "")
{
    internal enum Endings
    {
        /// <summary>With an error, or well, where what failed was not needed.</summary>
        Either,

        /// <summary>With an error.</summary>
        Failed,

        /// <summary>Well: what happened is no failure, or there is another way.</summary>
        Completed,
    }

    // What is not here takes another way: a write that ends early and was written in part needs a volume that is really full (FullVolumeTests), because strace
    // would say that something was written, and nothing would be.
    public static IReadOnlyList<CallFault> All { get; } =
    [
        new("no lock to be had", "fcntl", "error=ENOLCK", Endings.Failed, "F_OFD_SETLK, {l_type=F_RDLCK"),
        new("lock broken", "fcntl", "error=EIO", Endings.Failed, "F_OFD_SETLK, {l_type=F_RDLCK"),
        new("lock interrupted", "fcntl", "error=EINTR", Endings.Completed, "F_OFD_SETLK, {l_type=F_RDLCK"),
        new("locks of others unknown", "fcntl", "error=EIO", Endings.Failed, "F_OFD_GETLK"),
        new("locks of others interrupted", "fcntl", "error=EINTR", Endings.Completed, "F_OFD_GETLK"),
        new("read broken", "pread64", "error=EIO", Endings.Either),
        new("read interrupted", "pread64", "error=EINTR", Endings.Completed),
        new("read that ends early", "pread64", "retval=0", Endings.Either),
        new("write interrupted", "pwrite64", "error=EINTR", Endings.Completed),
        new("write of nothing", "pwrite64", "retval=0", Endings.Either),
        new("growth interrupted", "ftruncate", "error=EINTR", Endings.Completed),
        new("growth broken", "ftruncate", "error=EIO", Endings.Either),
        new("hole interrupted", "fallocate", "error=EINTR", Endings.Completed),
        new("barrier interrupted", "fdatasync", "error=EINTR", Endings.Completed),
        new("blocks of another volume", "copy_file_range", "error=EXDEV", Endings.Completed),
        new("blocks that cannot be shared", "copy_file_range", "error=EINVAL", Endings.Completed),
        new("sharing that ends early", "copy_file_range", "retval=0", Endings.Completed),
        new("sharing interrupted", "copy_file_range", "error=EINTR", Endings.Completed),
        new("sharing broken", "copy_file_range", "error=EIO", Endings.Failed),
        new("sharing without room", "copy_file_range", "error=ENOSPC", Endings.Failed),
    ];

    public override string ToString() => Name;
}
