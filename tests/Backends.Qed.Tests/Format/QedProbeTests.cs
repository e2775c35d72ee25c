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
        Assert.Contains("cluster_size is 5", result.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0x51, 0x45, 0x44 })]
    [InlineData(new byte[] { 0x51, 0x45, 0x44, 0x01 })]
    [InlineData(new byte[] { 0x51, 0x46, 0x49, 0xfb })]
    public void Probe_WithoutTheMagic_IsNo(byte[] start)
    {
        Assert.Equal(ProbeConfidence.No, Probe(start, start.Length).Confidence);
    }

    [Fact]
    public void Probe_OnlyTheMagic_IsCertain()
    {
        Assert.Equal(ProbeConfidence.Certain, Probe([0x51, 0x45, 0x44, 0], 4).Confidence);
        Assert.Equal(ProbeConfidence.Certain, Probe([0x51, 0x45, 0x44, 0], 1 << 20).Confidence);
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
