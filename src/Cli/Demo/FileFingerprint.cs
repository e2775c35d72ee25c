using System.Security.Cryptography;

namespace QedVd.Cli.Demo;

/// <summary>Tells whether a file has changed: its length, its time, and, where it is not too long, its bytes.</summary>
internal sealed record FileFingerprint(string Path, long LengthBytes, DateTime ModifiedUtc, string? Sha256)
{
    private const long MaxHashedBytes = 1L << 30;

    public static async Task<FileFingerprint> TakeAsync(string path, CancellationToken cancellation)
    {
        var info = new FileInfo(path);
        string? hash = null;
        if (info.Length <= MaxHashedBytes)
        {
            await using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation));
        }

        return new FileFingerprint(path, info.Length, info.LastWriteTimeUtc, hash);
    }
}
