using QedVd.TestKit;

namespace QedVd.Host.Tests.Operations;

/// <summary>Random requests over chains of real images in real files, with reopening, against a byte array; QEMU reads the same.</summary>
public sealed class RealChainModelTests : IDisposable
{
    private const string Search = "chains";
    private readonly TestHost _test = new();

    [Theory]
    [Trait("Long", Search)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    public async Task Requests_OverRealImages_ReadAsAByteArray_AndAsQemuReadsThem(int depth)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)(seed + depth));
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        int round = 0;
        do
        {
            await RunAsync(depth, random, round++);
        }
        while (DateTime.UtcNow < end);
    }

    public void Dispose() => _test.Dispose();

    private async Task RunAsync(int depth, Random random, int round)
    {
        byte[] model = new byte[random.Next(1, 600) * 512];
        string top = $"{round}-base";
        string format = random.Next(2) == 0 ? "raw" : "qed";
        if (format == "raw")
        {
            random.NextBytes(model);
            File.WriteAllBytes(_test[top], model);
        }
        else
        {
            _test.Qed(top, model.Length, clusterBytes: 4096 << random.Next(3));
        }

        for (int level = 0; level <= depth; level++)
        {
            if (level > 0)
            {
                (top, model, format) = Overlay(top, model, format, $"{round}-{level}", random);
            }

            for (int open = 0; open < 2; open++)
            {
                using VirtualDisk disk = _test.Host.OpenDisk(_test[top], new DiskOpenOptions { Format = format });
                for (int i = 0; i < 25; i++)
                {
                    await StepAsync(disk, model, random);
                }

                disk.Close();
            }

            Assert.Equal(model, ReadAll(top, format));
        }

        await CompareWithQemuAsync(top, model, format);
    }

    private (string Path, byte[] Model, string Format) Overlay(string parent, byte[] model, string parentFormat, string name, Random random)
    {
        byte[] longer = new byte[random.Next(3) switch { 0 => model.Length, 1 => random.Next(1, 700) * 512, _ => Math.Max(512, model.Length / 1024 * 512) }];
        model.AsSpan(0, Math.Min(model.Length, longer.Length)).CopyTo(longer);
        _test.Qed(name, longer.Length, parent, parentFormat == "raw" ? "raw" : null, 4096 << random.Next(4));
        return (name, longer, "qed");
    }

    private static async Task StepAsync(VirtualDisk disk, byte[] model, Random random)
    {
        int offset = random.Next(model.Length);
        int length = Math.Min(random.Next(3) == 0 ? random.Next(100_000) : random.Next(5000), model.Length - offset);
        Memory<byte> part = model.AsMemory(offset, length);
        bool isAsync = random.Next(2) == 0;
        switch (random.Next(7))
        {
            case 0 or 1 or 2:
                random.NextBytes(part.Span);
                if (isAsync)
                {
                    await disk.WriteAsync(offset, part);
                }
                else
                {
                    disk.Write(offset, part.Span);
                }

                break;
            case 3:
                part.Span.Clear();
                disk.WriteZeroes(offset, length, random.Next(2) == 0 ? WriteFlags.MayUnmap : WriteFlags.None);
                break;
            case 4:
                byte[] after = new byte[length];
                disk.Discard(offset, length);
                disk.Read(offset, after);
                Assert.True(Enumerable.Range(0, length).All(i => after[i] == 0 || after[i] == part.Span[i]), $"discard of {length} at {offset}");
                after.CopyTo(part);
                break;
            case 5:
                await disk.FlushAsync();
                break;
            default:
                byte[] read = new byte[length];
                if (isAsync)
                {
                    await disk.ReadAsync(offset, read);
                }
                else
                {
                    disk.Read(offset, read);
                }

                Assert.True(part.Span.SequenceEqual(read), $"read of {length} at {offset}");
                break;
        }
    }

    private byte[] ReadAll(string name, string format)
    {
        using VirtualDisk disk = _test.Host.OpenDisk(_test[name], new DiskOpenOptions { ReadOnly = true, Format = format });
        byte[] bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    private async Task CompareWithQemuAsync(string top, byte[] model, string format)
    {
        string qemu = Peers.Require("qemu-img");
        File.WriteAllBytes(_test["expected"], model);
        (await ToolRun.RunAsync(qemu, ["compare", "-f", format, "-F", "raw", _test[top], _test["expected"]])).ShouldExitWith(0);
        foreach (string image in _test.Files.Where(name => char.IsAsciiDigit(name[0]) && !name.EndsWith("base", StringComparison.Ordinal)))
        {
            (await ToolRun.RunAsync(qemu, ["check", "-f", "qed", _test[image]])).ShouldExitWith(0);
        }

        foreach (string file in _test.Files)
        {
            File.Delete(_test[file]);
        }
    }
}
