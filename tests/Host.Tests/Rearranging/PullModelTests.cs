using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A rebase between random chains, which may share levels: what the disk reads stays, live and after opening it again, and no other file changes.</summary>
public sealed class PullModelTests : IDisposable
{
    private const string Search = "rebase";

    private readonly PullFolder _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [Trait("Long", Search)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rebase_OfRandomChains_KeepsWhatTheDiskReads(bool isLive)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        for (int round = 0; round < 40 || DateTime.UtcNow < end; round++)
        {
            await RunAsync(random, $"{round}-", isLive, $"seed {seed}, round {round}, live {isLive}");
        }
    }

    private async Task RunAsync(Random random, string prefix, bool isLive, string where)
    {
        // Images in the order in which they were made; each may lie over any before.
        var images = new List<string>();
        int count = random.Next(2, 7);
        for (int i = 0; i < count; i++)
        {
            bool isRaw = i == 0 && random.Next(2) == 0;
            string? parent = i == 0 || random.Next(5) == 0 ? null : images[random.Next(images.Count)];
            string image = $"{prefix}{i}{(isRaw ? ".raw" : "")}";
            images.Add(Create(random, image, parent));
            _test.Scatter(image, random);
        }

        string top = Create(random, $"{prefix}top", random.Next(4) == 0 ? null : images[random.Next(images.Count)]);
        _test.Scatter(top, random);
        string? target = random.Next(4) == 0 ? null : images[random.Next(images.Count)];
        byte[] expected = _test.Read(top);
        byte[][] files = [.. images.Select(each => File.ReadAllBytes(_test[each]))];

        bool isRawTarget = target?.EndsWith(".raw", StringComparison.Ordinal) ?? false;
        var options = new RebaseOptions { ParentFormat = isRawTarget ? "raw" : null };
        using (VirtualDisk disk = _test.Open(top))
        {
            OperationResult result;
            if (isLive)
            {
                var load = new PullGuests(disk, expected, random.Next());
                result = await disk.RebaseAsync(target is null ? null : _test[target], options);
                await load.StopAsync();
            }
            else
            {
                result = await disk.RebaseAsync(target is null ? null : _test[target], options);
            }

            Assert.True(result.CopiedBytes <= disk.LengthBytes, where);
            Same(expected, TestDisks.ReadAll(disk), $"{where}, live");
            disk.Close();
        }

        Same(expected, _test.Read(top), where);
        (string? name, string? format) = await _test.ParentOfAsync(top);
        Assert.True(name == target && (format == "raw") == isRawTarget, where);
        Assert.All(images.Zip(files), pair => Assert.True(File.ReadAllBytes(_test[pair.First]).AsSpan().SequenceEqual(pair.Second), $"{where}: {pair.First} has changed"));
        if (_test.Host.Probe(_test[top]).Best!.FormatId == "qed")
        {
            Assert.True((await _test.Host.CheckAsync(_test[top])).IsClean, where);
        }
    }

    private string Create(Random random, string name, string? parent) => random.Next(3) == 0
        ? _test.Create(name, random.Next(1, 300) * 512, parent, 4096 << random.Next(3), "qed")
        : _test.Create(name, random.Next(1, 300) * 512, parent, 512 << random.Next(8));

    private static void Same(byte[] expected, byte[] actual, string where)
    {
        int at = expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(expected.Length == actual.Length && at == expected.Length, at < expected.Length ? $"{where}: byte {at} is {actual[at]}, not {expected[at]}" : where);
    }
}
