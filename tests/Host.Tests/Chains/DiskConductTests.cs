using Microsoft.Extensions.Logging;
using System.Runtime.CompilerServices;
using QedVd.Backends.Qed;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

public sealed class DiskConductTests : IDisposable
{
    private readonly TestHost _test = new();

    [Fact]
    public async Task StreamWrite_WhileASnapshotFreezesTheOldTop_IsHeldAndNotRefused()
    {
        string path = _test.Qed("disk.qed", 1 << 20);
        FileStorage storage = FileStorage.Open(path);
        var image = new SlowFreeze(new QedBackend().Open(storage, new ImageOpenOptions()));
        var level = new Level { Image = image, Path = path, FormatId = "qed", Storage = storage };
        using var disk = new VirtualDisk(new Generation([level]), new DiskOpenOptions(), _test.Host, number: -1, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        Task? held = null;
        bool? canWrite = null;
        Stream stream = disk.AsStream();
        image.Frozen = () =>
        {
            canWrite = stream.CanWrite;
            held = stream.WriteAsync(new byte[] { 5 }).AsTask();
        };

        await disk.SnapshotAsync(_test["over.qed"], cancellationToken: TestContext.Current.CancellationToken);
        await held!;
        Assert.True(canWrite);
        byte[] one = new byte[1];
        disk.Read(0, one);
        Assert.Equal(5, one[0]);
    }

    [Fact]
    public void CloseWithoutDispose_IsNotCalledForgotten()
    {
        var log = new LogLines();
        CloseOne(log);
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Empty(log.Lines);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DiskThatNobodyCloses_IsLoggedWhenItIsCollected_EvenWithALoggerThatThrows(bool throws)
    {
        var log = new LogLines();
        int calls = 0;
        ForgetOne(throws ? new ThrowingLogger(() => Interlocked.Increment(ref calls)) : log);
        for (int i = 0; i < 20 && log.Lines.Count + Volatile.Read(ref calls) == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(throws ? 1 : 0, calls);
        Assert.Equal(throws ? [] : ["forgotten: the disk was never closed; what was not flushed is lost, and its locks stay until the process ends"], log.Lines);
    }

    [Fact]
    public void MissingParent_NamedWithControlCharacters_IsLoggedEscaped()
    {
        _test.Qed("top.qed", 1 << 20, "a\u001b[31m\u202eb.qed", "qed");
        var log = new LogLines();
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>(), log);
        using (host.OpenDisk(_test["top.qed"], new DiskOpenOptions { ReadOnly = true, AllowMissingParent = true }))
        {
        }

        Assert.Contains(log.Lines, line => line.Contains("missing", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains('\u001b') || line.Contains('\u202e'));
    }

    [Fact]
    public async Task FileWhoseBarrierHasFailedBefore_IsLoggedWhenItIsOpened_AndSaysSoAmongItsWarnings()
    {
        var file = new SimulatedFile("fenced\u001b");
        await new QedBackend().CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = 1 << 20 }, TestContext.Current.CancellationToken);
        var log = new LogLines();
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>(), log);
        using (VirtualDisk disk = await host.OpenDiskAsync(file.Open(), new DiskOpenOptions { Format = "qed" }, TestContext.Current.CancellationToken))
        {
            Assert.Empty(log.Lines);
            disk.Write(0, [1]);
            file.Fail(new StorageFault { Kind = StorageOperationKind.Barrier });
            Assert.Throws<ImageException>(disk.Flush);
        }

        file.ClearFaults();
        using VirtualDisk again = await host.OpenDiskAsync(file.Open(), new DiskOpenOptions { Format = "qed" }, TestContext.Current.CancellationToken);

        Assert.Contains(log.Lines, line => line.StartsWith("fenced\\u{1b}: a barrier failed on this file at", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains('\u001b'));
        Assert.NotEmpty(again.Levels[0].Warnings);
    }

    [Fact]
    public void StreamWrite_OfNothingBeyondTheEnd_DoesNothing()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 8192, 4096));
        Stream stream = disk.AsStream();
        stream.Position = 10000;
        stream.Write([]);
        Assert.Equal(10000, stream.Position);
    }

    public void Dispose() => _test.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CloseOne(LogLines log)
    {
        var generation = new Generation([new Level { Image = new BlockImage("x", 4096, 4096), Path = "x", FormatId = "blocks" }]);
        new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, log).Close();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForgetOne(ILogger log)
    {
        var generation = new Generation([new Level { Image = new BlockImage("forgotten", 4096, 4096), Path = "forgotten", FormatId = "blocks" }]);
        _ = new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, log).LengthBytes;
    }

    private sealed class ThrowingLogger(Action called) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            called();
            throw new InvalidOperationException("a logger that was disposed");
        }
    }

    private sealed class SlowFreeze(IDiskImage inner) : DelegatingImage(inner)
    {
        public Action? Frozen { get; set; }

        public override async ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            await Inner.SetOpenFlagsAsync(flags, cancellationToken);
            Frozen?.Invoke();
        }
    }
}
