using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

internal static class HeaderParsing
{
    /// <summary>What our reader makes of the bytes.</summary>
    public static QedHeader Parse(this QedHeaderBytes header, long? fileLength = null) =>
        QedHeader.Parse(header.ToArray(), fileLength ?? header.FileLength, "a.qed");
}
