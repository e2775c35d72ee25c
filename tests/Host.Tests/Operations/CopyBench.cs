namespace QedVd.Host.Tests.Operations;

/// <summary>Images with content of a seed, and what they read.</summary>
internal static class CopyBench
{
    /// <summary>Runs of data, of zeros and of nothing, of all lengths; where <paramref name="beneath"/> is given, some of it is as there.</summary>
    public static byte[] Content(int lengthBytes, int seed, byte[]? beneath = null)
    {
        var random = new Random(seed);
        byte[] content = new byte[lengthBytes];
        beneath?.AsSpan(0, Math.Min(beneath.Length, lengthBytes)).CopyTo(content);
        for (int at = 0; at < lengthBytes;)
        {
            int run = Math.Min(lengthBytes - at, random.Next(1, 1 << random.Next(8, 17)));
            switch (random.Next(3))
            {
                case 0:
                    random.NextBytes(content.AsSpan(at, run));
                    break;
                case 1:
                    content.AsSpan(at, run).Clear();
                    break;
                default:
                    break;
            }

            at += run;
        }

        return content;
    }

    public static void Fill(TestHost test, string path, string format, byte[] content)
    {
        using VirtualDisk disk = test.Host.OpenDisk(path, new DiskOpenOptions { Format = format, AllowedParentFormats = ["qed", "raw"] });
        disk.Write(0, content);
        disk.Close();
    }

    public static byte[] Read(TestHost test, string path, string? format = null)
    {
        using VirtualDisk disk = test.Host.OpenDisk(path, new DiskOpenOptions { Format = format, ReadOnly = true, AllowedParentFormats = ["qed", "raw"] });
        byte[] content = new byte[disk.LengthBytes];
        disk.Read(0, content);
        return content;
    }

    public static async Task ShouldBeCleanAsync(TestHost test, string path)
    {
        CheckReport report = await test.Host.CheckAsync(path);
        Assert.True(report.IsClean, string.Join("; ", report.Findings));
    }

    /// <summary>Padded with zeros, or cut.</summary>
    public static byte[] Sized(byte[] content, int lengthBytes)
    {
        Array.Resize(ref content, lengthBytes);
        return content;
    }
}
