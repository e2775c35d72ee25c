using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

public sealed class QedProbeTests
{
    private static readonly QedBackend s_backend = new();

    [Fact]
    public void Probe_SoundHeader_IsCertain_AndTellsWhatItIs()
    {
        QedHeaderBytes header = new();

        ProbeResult result = Probe(header.ToArray(), header.FileLength);

        Assert.Equal(new ProbeResult(ProbeConfidence.Certain, "magic \"QED\\0\" at 0, cluster size 4096, disk of 1048576 bytes"), result);
    }

    [Fact]
    public void Probe_DamagedHeader_IsCertainAllTheSame_WithTheReason()
    {
        ProbeResult result = Probe(new QedHeaderBytes { ClusterSize = 5 }.ToArray(), 1 << 20);

        Assert.Equal(ProbeConfidence.Certain, result.Confidence);
        Assert.Equal("magic \"QED\\0\" at 0, but it will not open: header field cluster_size is 5: allowed: powers of two from 4096 to 67108864", result.Reason);
    }

    [Theory]
    [InlineData(new byte[0], "too short for the magic \"QED\\0\"")]
    [InlineData(new byte[] { 0x51, 0x45, 0x44 }, "too short for the magic \"QED\\0\"")]
    [InlineData(new byte[] { 0x51, 0x45, 0x44, 0x01 }, "no magic \"QED\\0\" at 0")]
    [InlineData(new byte[] { 0x51, 0x46, 0x49, 0xfb, 0x00 }, "no magic \"QED\\0\" at 0")]
    public void Probe_WithoutTheMagic_IsNo_WithTheReason(byte[] start, string reason)
    {
        Assert.Equal(new ProbeResult(ProbeConfidence.No, reason), Probe(start, start.Length));
    }

    [Fact]
    public void Probe_OnlyAStartOfTheHeader_IsCertain_AndSaysNoMoreThanItKnows()
    {
        var known = new ProbeResult(ProbeConfidence.Certain, "magic \"QED\\0\" at 0");
        byte[] header = new QedHeaderBytes().ToArray();

        Assert.Equal(known, Probe(header[..4], 1 << 20));
        Assert.Equal(known, Probe(header[..63], 64));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(63)]
    public void Probe_FileThatEndsInsideTheHeader_IsCertain_AndNamesItsLength(int length)
    {
        ProbeResult result = Probe(new QedHeaderBytes().ToArray()[..length], length);

        Assert.Equal(
            new ProbeResult(ProbeConfidence.Certain, $"magic \"QED\\0\" at 0, but it will not open: header truncated: the file has {length} bytes, the header alone needs 64"),
            result);
    }

    [Fact]
    public void Probe_WithMoreThanTheHeader_ReadsTheHeader()
    {
        QedHeaderBytes header = new();

        Assert.Contains("disk of 1048576 bytes", Probe([.. header.ToArray(), .. new byte[100]], header.FileLength).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Probe_AnyBytes_NeverThrows()
    {
        long seed = QedVd.TestKit.LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = HeaderFuzz.Next(random, out long fileLength);

            Assert.False(string.IsNullOrEmpty(Probe(bytes[..random.Next(65)], fileLength).Reason));
        }
    }

    private static ProbeResult Probe(byte[] start, long length) => s_backend.Probe(new ProbeInput(start, length));
}
