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
        new("lock that cannot be given back", "fcntl", "error=EIO", Endings.Either, "F_OFD_SETLK, {l_type=F_UNLCK"),
        new("locks of others unknown", "fcntl", "error=EIO", Endings.Failed, "F_OFD_GETLK"),
        new("locks of others interrupted", "fcntl", "error=EINTR", Endings.Completed, "F_OFD_GETLK"),
        new("read broken", "pread64", "error=EIO", Endings.Either),
        new("read interrupted", "pread64", "error=EINTR", Endings.Completed),
        new("read that ends early", "pread64", "retval=0", Endings.Either),
        new("write broken", "pwrite64", "error=EIO", Endings.Either),
        new("write without room", "pwrite64", "error=ENOSPC", Endings.Either),
        new("write interrupted", "pwrite64", "error=EINTR", Endings.Completed),
        new("write of nothing", "pwrite64", "retval=0", Endings.Either),
        new("growth interrupted", "ftruncate", "error=EINTR", Endings.Completed),
        new("growth broken", "ftruncate", "error=EIO", Endings.Either),
        new("hole interrupted", "fallocate", "error=EINTR", Endings.Completed),
        new("hole or room refused", "fallocate", "error=ENOSPC", Endings.Either),
        new("barrier broken", "fdatasync", "error=EIO", Endings.Failed),
        new("barrier interrupted", "fdatasync", "error=EINTR", Endings.Completed),
        new("file or folder that cannot be made durable", "fsync", "error=EIO", Endings.Failed),
        new("file or folder made durable, interrupted", "fsync", "error=EINTR", Endings.Completed),
        new("name that cannot be given", "linkat", "error=EIO", Endings.Either),
        new("name without room", "linkat", "error=ENOSPC", Endings.Either),
        new("name that cannot be moved", "renameat2", "error=EIO", Endings.Either),
        new("name moved in a way that is not known", "renameat2", "error=EINVAL", Endings.Either),
        new("file that cannot be replaced", "renameat", "error=EIO", Endings.Failed),
        new("second name that stays", "unlinkat", "error=EIO", Endings.Either),
        new("file that cannot be deleted", "unlink", "error=EACCES", Endings.Either),
        new("blocks of another volume", "copy_file_range", "error=EXDEV", Endings.Completed),
        new("blocks that cannot be shared", "copy_file_range", "error=EINVAL", Endings.Completed),
        new("sharing that ends early", "copy_file_range", "retval=0", Endings.Completed),
        new("sharing interrupted", "copy_file_range", "error=EINTR", Endings.Completed),
        new("sharing broken", "copy_file_range", "error=EIO", Endings.Failed),
        new("sharing without room", "copy_file_range", "error=ENOSPC", Endings.Failed),
    ];

    /// <summary>Whether it may happen again and again: who is interrupted for ever waits for ever.</summary>
    public bool CanLast => !Result.EndsWith("EINTR", StringComparison.Ordinal);

    /// <summary>
    /// Whether strace is told the files: the runtime makes many such calls as it starts. Of the others those count whose line names the folder, so that new
    /// files are among them, which have no name yet.
    /// </summary>
    public bool IsOfFilesThatThereAre => Call is "fcntl" or "pread64" or "ftruncate" or "fallocate";

    /// <summary>Whether what fails may leave a file that was to go, which the next run looks for.</summary>
    public bool MayLeaveFiles => Call.StartsWith("unlink", StringComparison.Ordinal);

    public override string ToString() => Name;
}
