using System.Globalization;
using System.Runtime.InteropServices;

namespace QedVd.Host;

/// <summary>Turns what the system says into the contract's one exception.</summary>
internal static class StorageErrors
{
    /// <summary>An operation on an open file failed.</summary>
    public static ImageException FromErrno(int errno, string path, string operation, long? offset = null) =>
        Create(KindOf(errno), AdviceOf(errno), path, operation, offset, SystemError(errno));

    /// <summary>The same for the framework's exceptions, which the portable form gets.</summary>
    public static ImageException FromException(Exception exception, string path, string operation, long? offset = null)
    {
        int code = exception.HResult;
        if (OperatingSystem.IsWindows())
        {
            // HRESULT_FROM_WIN32 of ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL; sharing and lock violation; write protect.
            ImageErrorKind kind = (code & 0xFFFF) switch
            {
                39 or 112 => ImageErrorKind.OutOfSpace,
                32 or 33 => ImageErrorKind.InUse,
                19 => ImageErrorKind.ReadOnly,
                _ => exception is FileNotFoundException or DirectoryNotFoundException ? ImageErrorKind.NotFound : ImageErrorKind.Io,
            };
            return Create(kind, "", path, operation, offset, exception);
        }

        return exception switch
        {
            FileNotFoundException or DirectoryNotFoundException => Create(ImageErrorKind.NotFound, "", path, operation, offset, exception),
            UnauthorizedAccessException => Create(KindOf(Errno.EACCES), AdviceOf(Errno.EACCES), path, operation, offset, exception),
            _ => Create(KindOf(code), AdviceOf(code), path, operation, offset, exception),
        };
    }

    /// <summary>Something that the system did not say itself.</summary>
    public static ImageException Create(ImageErrorKind kind, string path, string operation, string text) =>
        new(kind, $"{Printable(path)}: {text}", path, operation);

    /// <summary>The system's text and number as an exception, for the inner one.</summary>
    public static IOException SystemError(int errno) => new(Text(errno), errno);

    /// <summary>The system's text for an error number.</summary>
    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <summary>A name as it may be shown: control characters, which could move the cursor or break the line, are escaped.</summary>
    public static string Printable(string text) => DisplayText.Escape(text);

    private static ImageException Create(ImageErrorKind kind, string advice, string path, string operation, long? offset, Exception cause)
    {
        string where = offset is { } at ? string.Create(CultureInfo.InvariantCulture, $" at offset {at}") : "";
        return new ImageException(kind, $"{Printable(path)}: cannot {operation}{where}: {Printable(cause.Message).TrimEnd('.')}{advice}.", path, operation, offset, cause);
    }

    private static ImageErrorKind KindOf(int errno) => errno switch
    {
        Errno.ENOSPC or Errno.EFBIG => ImageErrorKind.OutOfSpace,
        Errno.EROFS or Errno.EACCES or Errno.EPERM => ImageErrorKind.ReadOnly,
        Errno.ETXTBSY => ImageErrorKind.InUse,
        Errno.ENOENT => ImageErrorKind.NotFound,
        Errno.EEXIST => ImageErrorKind.AlreadyExists,
        _ when errno == Errno.EDQUOT => ImageErrorKind.OutOfSpace,
        _ when errno == Errno.EOPNOTSUPP || errno == Errno.ENOSYS => ImageErrorKind.NotSupported,
        _ => ImageErrorKind.Io,
    };

    private static string AdviceOf(int errno) => errno switch
    {
        Errno.ENOSPC => "; make room on its volume and try again",
        Errno.EFBIG => "; the file system or the process's file size limit does not allow a file of that length",
        Errno.EIO => "; look at the system log for errors of the device",
        Errno.EROFS => "; its volume is mounted read-only",
        _ when errno == Errno.EDQUOT => "; the quota is used up, make room and try again",
        _ => "",
    };
}
