using QedVd.TestKit;

namespace QedVd.Host.Tests;

public sealed class ProberTests
{
    [Fact]
    public void Probe_RanksCertainThenMaybeThenRawThenNoThenFault_AndKeepsEachReason()
    {
        var catalog = new BackendCatalog();
        catalog.Add(Backend("broken", () => throw new InvalidOperationException("oops")));
        catalog.Add(Backend("not", () => new ProbeResult(ProbeConfidence.No, "no magic")));
        catalog.Add(Backend("raw", () => new ProbeResult(ProbeConfidence.Maybe, "anything is raw")));
        catalog.Add(Backend("perhaps", () => new ProbeResult(ProbeConfidence.Maybe, "looks\nlike it")));
        catalog.Add(Backend("sure", () => new ProbeResult(ProbeConfidence.Certain, "magic")));

        ProbeReport report = Probe(catalog, File("disk.img", "content"u8));

        Assert.Equal(
            [
                new ProbeCandidate("sure", ProbeConfidence.Certain, "magic"),
                new ProbeCandidate("perhaps", ProbeConfidence.Maybe, "looks like it"),
                new ProbeCandidate("raw", ProbeConfidence.Maybe, "anything is raw"),
                new ProbeCandidate("not", ProbeConfidence.No, "no magic"),
                new ProbeCandidate("broken", ProbeConfidence.No, "disk.img: the backend 'broken' failed while probing it (InvalidOperationException: oops). This is a mistake in the backend; report it to its author.", IsFault: true),
            ],
            report.Candidates);
        Assert.Equal("sure", report.Best!.FormatId);
        Assert.Equal("sure", report.BestForWriting!.FormatId);
        Assert.Equal("sure", report.RequireFormat(forWriting: true));
        Assert.False(report.IsTie);
        Assert.Equal(("disk.img", 7L), (report.Name, report.LengthBytes));
    }

    [Fact]
    public void Probe_OnlyRawThinksItPossible_IsTakenForReading_NeverForWriting()
    {
        ProbeReport report = Probe(RawCatalog(), File("disk.img", new byte[512]));

        Assert.Equal("raw", report.RequireFormat(forWriting: false));
        Assert.Null(report.BestForWriting);
        ImageException exception = Assert.Throws<ImageException>(() => report.RequireFormat(forWriting: true));
        Assert.Equal(ImageErrorKind.NotThisFormat, exception.Kind);
        Assert.Equal("disk.img: could be raw (anything is raw), but nothing proves it, and what is only possible is not opened for writing. Name the format, or open it read-only.", exception.Message);
    }

    [Fact]
    public void Probe_AnotherBackendThinksItPossible_ComesBeforeRaw_ButIsNotWritten()
    {
        BackendCatalog catalog = RawCatalog();
        catalog.Add(Backend("perhaps", () => new ProbeResult(ProbeConfidence.Maybe, "ends in .test")));

        ProbeReport report = Probe(catalog, File("disk.test", new byte[512]));

        Assert.Equal("perhaps", report.RequireFormat(forWriting: false));
        Assert.Null(report.BestForWriting);
    }

    [Theory]
    [InlineData(ProbeConfidence.Certain)]
    [InlineData(ProbeConfidence.Maybe)]
    public void Probe_TwoBackendsEquallySure_IsATie_AndNoneIsTaken(ProbeConfidence confidence)
    {
        BackendCatalog catalog = RawCatalog();
        catalog.Add(Backend("one", () => new ProbeResult(confidence, "mark one")));
        catalog.Add(Backend("two", () => new ProbeResult(confidence, "mark two")));

        ProbeReport report = Probe(catalog, File("both.img", new byte[512]));

        Assert.True(report.IsTie);
        Assert.Null(report.Best);
        Assert.Null(report.BestForWriting);
        Assert.Equal(
            "both.img: could be one (mark one) or two (mark two); name the format. Others said: raw: anything is raw.",
            Assert.Throws<ImageException>(() => report.RequireFormat(forWriting: false)).Message);
    }

    [Fact]
    public void Probe_ForeignContainer_IsNamed_AndNotTakenAsRaw()
    {
        ProbeReport report = Probe(RawCatalog(), File("vm.qcow2", [.. "QFI"u8, 0xFB, 0, 0, 0, 3, .. new byte[504]]));

        Assert.Equal(new NamedFormat("qcow2", "QEMU copy-on-write image, version 3", NamedFormatKind.Container, "mark 514649fb00000003 at offset 0"), report.NamedFormat);
        Assert.Null(report.Best);
        Assert.Equal(
            "vm.qcow2: is QEMU copy-on-write image, version 3 (mark 514649fb00000003 at offset 0), and no backend for that is registered. Convert it with another tool, add a plugin for it, or name the format if you know better.",
            Assert.Throws<ImageException>(() => report.RequireFormat(forWriting: false)).Message);
    }

    [Fact]
    public void Probe_FormatThatABackendIsFor_IsNotNamed()
    {
        BackendCatalog catalog = RawCatalog();
        catalog.Add(Backend("qcow2", () => new ProbeResult(ProbeConfidence.Certain, "magic")));

        ProbeReport report = Probe(catalog, File("vm.qcow2", [.. "QFI"u8, 0xFB, 0, 0, 0, 3, .. new byte[504]]));

        Assert.Empty(report.NamedFormats);
        Assert.Equal("qcow2", report.Best!.FormatId);
    }

    [Fact]
    public void Probe_NothingRecognisesIt_SaysWhatEachSaid()
    {
        var catalog = new BackendCatalog();
        catalog.Add(Backend("one", () => new ProbeResult(ProbeConfidence.No, "no magic")));
        catalog.Add(Backend("two", () => new ProbeResult(ProbeConfidence.No, null!)));

        Assert.Equal(
            "x: no backend recognises it. Others said: one: no magic; two: gave no reason.",
            Assert.Throws<ImageException>(() => Probe(catalog, File("x", [])).RequireFormat(forWriting: false)).Message);
    }

    [Fact]
    public async Task Probe_ReadsTheStartAndTheEndOnce_BoundedWhateverABackendAsksFor_InBothForms()
    {
        var greedy = new FakeBackend { Info = new FakeBackend().Info with { ProbeBytes = int.MaxValue } };
        var catalog = new BackendCatalog();
        catalog.Add(greedy);
        var file = new SimulatedFile("folder/large.img");
        using SimulatedStorage storage = new(file);
        storage.SetLength(1L << 40);
        storage.Write(0, "start"u8);
        List<(long Offset, long LengthBytes)> reads = [];
        file.Fail(new StorageFault
        {
            Kind = StorageOperationKind.Read,
            Where = (offset, lengthBytes) =>
            {
                reads.Add((offset, lengthBytes));
                return false;
            },
        });

        ProbeReport synchronous = new Prober(catalog).Probe(storage);
        (long, long)[] once = [.. reads];
        ProbeReport asynchronous = await new Prober(catalog).ProbeAsync(storage);

        Assert.Equal([(0, Prober.MaxStartBytes), ((1L << 40) - Prober.EndBytes, Prober.EndBytes)], once);
        Assert.Equal([.. once, .. once], reads);
        Assert.Equal(synchronous.Candidates, asynchronous.Candidates);
        Assert.Equal((Prober.MaxStartBytes, 1L << 40, "large.img"), (greedy.Seen.Start.Length, greedy.Seen.LengthBytes, greedy.Seen.FileName));
        Assert.Equal("start"u8, greedy.Seen.Start.AsSpan(0, 5));
    }

    [Fact]
    public void Probe_StorageThatFails_IsAnError_NotAnAnswer()
    {
        var file = new SimulatedFile("bad.img", content: new byte[4096]);
        file.Fail(StorageOperationKind.Read);

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => new Prober(RawCatalog()).Probe(new SimulatedStorage(file))).Kind);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(40000)]
    [InlineData(100000)]
    public void Probe_FileOfAnyLength_FindsAMarkInItsLastSector(int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        bool fits = lengthBytes >= 512;
        if (fits)
        {
            "conectix"u8.CopyTo(content.AsSpan(lengthBytes - 512));
        }

        ProbeReport report = Probe(RawCatalog(), File("disk.vhd", content));

        Assert.Equal(fits ? "vpc" : null, report.NamedFormat?.Id);
        Assert.Equal(fits ? null : "raw", report.Best?.FormatId);
    }

    [Fact]
    public void Probe_RandomBytes_NamesNothing()
    {
        int seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var random = new Random(seed);
        byte[] content = new byte[70000];
        for (int i = 0; i < 50; i++)
        {
            random.NextBytes(content);
            content[510] = 0; // a boot signature comes by chance once in 65536 times
            Assert.Empty(Probe(RawCatalog(), File("random", content)).NamedFormats);
        }
    }

    private static ProbeReport Probe(BackendCatalog catalog, SimulatedFile file) => new Prober(catalog).Probe(new SimulatedStorage(file));

    [Theory]
    [InlineData(100)]
    [InlineData(700)]
    [InlineData(1 << 20)]
    public void Probe_BackendWithAFooter_SeesTheEndOfTheFile(int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        new Random(1).NextBytes(content);
        FakeBackend backend = Backend("footer", () => new ProbeResult(ProbeConfidence.No, "no footer"));
        var catalog = new BackendCatalog();
        catalog.Add(backend);

        Probe(catalog, File("disk.img", content));

        Assert.Equal(content[^Math.Min(lengthBytes, Prober.EndBytes)..], backend.SeenEnd);
    }

    private static SimulatedFile File(string name, ReadOnlySpan<byte> content) => new(name, content: content);

    private static FakeBackend Backend(string id, Func<ProbeResult> probe) => new(id) { OnProbe = probe };

    private static BackendCatalog RawCatalog()
    {
        var catalog = new BackendCatalog();
        catalog.Add(Backend("raw", () => new ProbeResult(ProbeConfidence.Maybe, "anything is raw")));
        return catalog;
    }
}
