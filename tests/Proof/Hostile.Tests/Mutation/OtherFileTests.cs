using System.Text;
using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>Files that are no QED images at all: noise, and the starts of what other programs write, cut anywhere.</summary>
public sealed class OtherFileTests(ITestOutputHelper output)
{
    private const int Rounds = 3000;

    private static readonly byte[][] s_starts =
    [
        [], "QED\0"u8.ToArray(), "QED"u8.ToArray(), "QFI\xfb\0\0\0\x03"u8.ToArray(), "KDMV"u8.ToArray(), "# Disk DescriptorFile\n"u8.ToArray(), "conectix"u8.ToArray(), "vhdxfile"u8.ToArray(),
        Encoding.Latin1.GetBytes("<<< Oracle VM VirtualBox Disk Image >>>\n"), "WithoutFreeSpace"u8.ToArray(), [0x1f, 0x8b, 8], "LUKS\xba\xbe"u8.ToArray(), [0x7f, 0x45, 0x4c, 0x46], "PK\x03\x04"u8.ToArray(), "\0DEQ"u8.ToArray(),
    ];

    [Fact]
    public async Task FilesOfAnyKind_AreNamedOrRefused_AndNeverMore()
    {
        long seed = LongRun.Seed();
        output.WriteLine($"seed {seed}");
        Random random = new((int)(seed & int.MaxValue));
        IImageBackend[] backends = [new QedBackend(), new RawBackend()];
        for (int i = 0; i < Rounds; i++)
        {
            byte[] start = s_starts[i % s_starts.Length];
            byte[] content = new byte[random.Next(4) == 0 ? random.Next(80) : random.Next(20_000)];
            if (random.Next(2) == 0)
            {
                random.NextBytes(content);
            }

            start.AsSpan(0, Math.Min(start.Length, content.Length)).CopyTo(content);
            SimulatedFile file = new("other.img", SimulatedFile.GoodFacts, content) { KeepsTrace = false };
            foreach (IImageBackend backend in backends)
            {
                await ExamineAsync(backend, file, content);
            }
        }
    }

    private static async Task ExamineAsync(IImageBackend backend, SimulatedFile file, byte[] content)
    {
        bool isQed = content.AsSpan().StartsWith("QED\0"u8);
        int changes = file.CountOfChanges();
        for (int seen = 0; seen <= Math.Min(content.Length, 512); seen += 1 + (seen / 4))
        {
            ProbeResult result = backend.Probe(new ProbeInput(content.AsSpan(0, seen), content.Length, "other.img"));
            Assert.Equal(backend is QedBackend && isQed && seen >= 4, result.Confidence == ProbeConfidence.Certain);
        }

        foreach (ImageOpenFlags flags in (ImageOpenFlags[])[ImageOpenFlags.Info, ImageOpenFlags.ReadOnly])
        {
            using SimulatedStorage storage = file.Open();
            try
            {
                using IDiskImage image = backend.Open(storage, new ImageOpenOptions { Flags = flags, Time = new FakeTime() });
                Assert.True(backend is RawBackend || isQed, "opened as QED");
            }
            catch (ImageException exception)
            {
                Assert.DoesNotContain(exception.Message, char.IsControl);
                Assert.True(backend is QedBackend, exception.Message);
            }
        }

        if (backend is QedBackend)
        {
            using SimulatedStorage storage = file.Open();
            try
            {
                await backend.CheckAsync(storage, new CheckOptions());
                Assert.True(isQed);
            }
            catch (ImageException exception)
            {
                Assert.Equal(isQed, exception.Kind != ImageErrorKind.NotThisFormat);
            }
        }

        Assert.Equal(changes, file.CountOfChanges());
    }
}
