using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>Conversions by us and by qemu-img give the same disk.</summary>
public sealed class ConvertTests
{
    private const int Size = 6 << 20;

    private readonly Random _random;

    public ConvertTests()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        _random = new Random((int)seed);
    }

    [Theory]
    [InlineData("raw", "qed")]
    [InlineData("qed", "raw")]
    [InlineData("qed", "qed")]
    public async Task Convert_GivesWhatQemuGives(string from, string to)
    {
        using var bench = new Workbench();
        byte[] content = await MakeAsync(bench, $"source.{from}", Size, isThere: false);

        await bench.ImgAsync("convert", "-f", from, "-O", to, $"source.{from}", $"theirs.{to}");
        await bench.Host.ConvertAsync(bench.PathOf($"source.{from}"), bench.PathOf($"ours.{to}"), Options(to, from));

        await bench.ShouldHoldAsync($"ours.{to}", content, "ours");
        await bench.ImgAsync("compare", "-f", to, "-F", to, $"ours.{to}", $"theirs.{to}");
        Assert.Equal(new FileInfo(bench.PathOf($"theirs.{to}")).Length, new FileInfo(bench.PathOf($"ours.{to}")).Length);
    }

    [Theory]
    [InlineData("qed", Size)]
    [InlineData("raw", Size - (1 << 20))]
    [InlineData("qed", Size + (1 << 20))]
    public async Task ConvertOntoAParent_IsReadByQemu_AndGivesWhatQemuGives(string parentFormat, int parentBytes)
    {
        using var bench = new Workbench();
        string parent = $"base.{parentFormat}";
        await MakeAsync(bench, parent, parentBytes, isThere: false);
        await bench.CreateAsync("source.qed", Size, 65536, 4, parent, byQemu: true);
        byte[] content = await MakeAsync(bench, "source.qed", Size, isThere: true);

        await bench.ImgAsync("convert", "-f", "qed", "-O", "qed", "-B", parent, "-F", parentFormat, "source.qed", "theirs.qed");
        await bench.Host.ConvertAsync(bench.PathOf("source.qed"), bench.PathOf("ours.qed"), Options("qed", "qed") with
        {
            ParentPath = bench.PathOf(parent),
            ParentFormat = parentFormat,
        });

        await bench.ShouldHoldAsync("ours.qed", content, "ours");
        await bench.ImgAsync("compare", "-f", "qed", "-F", "qed", "ours.qed", "theirs.qed");
    }

    [Theory]
    [InlineData("qed")]
    [InlineData("raw")]
    public async Task ConvertIntoAnExistingImage_IsReadByQemu_AndGivesWhatQemuGives(string to)
    {
        using var bench = new Workbench();
        byte[] content = await MakeAsync(bench, "source.raw", Size, isThere: false);
        await MakeAsync(bench, $"ours.{to}", Size, isThere: false);
        File.Copy(bench.PathOf($"ours.{to}"), bench.PathOf($"theirs.{to}"));

        await bench.ImgAsync("convert", "-n", "-f", "raw", "-O", to, "source.raw", $"theirs.{to}");
        await bench.Host.ConvertAsync(bench.PathOf("source.raw"), bench.PathOf($"ours.{to}"), Options(to, "raw") with { IntoExisting = true });

        await bench.ShouldHoldAsync($"ours.{to}", content, "ours");
        await bench.ImgAsync("compare", "-f", to, "-F", to, $"ours.{to}", $"theirs.{to}");
    }

    private static ConvertOptions Options(string to, string from) => new()
    {
        TargetFormat = to,
        Source = new DiskOpenOptions { Format = from, AllowedParentFormats = ["qed", "raw"] },
    };

    /// <summary>Makes an image and writes to a third of it, in pieces; returns what it then reads.</summary>
    private async Task<byte[]> MakeAsync(Workbench bench, string name, int lengthBytes, bool isThere)
    {
        if (!isThere)
        {
            await bench.ImgAsync("create", "-q", "-f", name.EndsWith(".raw", StringComparison.Ordinal) ? "raw" : "qed", name, $"{lengthBytes}");
        }

        using VirtualDisk disk = bench.Open(name);
        for (int written = 0; written < lengthBytes / 3;)
        {
            byte[] data = new byte[_random.Next(1, 200_000)];
            if (_random.Next(4) > 0)
            {
                _random.NextBytes(data);
            }

            disk.Write(_random.Next(lengthBytes - data.Length), data);
            written += data.Length;
        }

        byte[] content = new byte[lengthBytes];
        disk.Read(0, content);
        disk.Close();
        return content;
    }
}
