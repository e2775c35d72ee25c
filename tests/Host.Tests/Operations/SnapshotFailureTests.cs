using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Operations;

public sealed class SnapshotFailureTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshot_WhoseOldTopCannotBeSettled_LeavesItGoingOn_AndRemovesTheNewFile(bool failsLate)
    {
        string path = _test.Qed("disk.qed", Size);
        FileStorage storage = FileStorage.Open(path);
        var image = new FailingOnce(new QedBackend().Open(storage, new ImageOpenOptions()), failsLate);
        var level = new Level { Image = image, Path = path, FormatId = "qed", Storage = storage };
        using (var disk = new VirtualDisk(new Generation([level]), new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance))
        {
            disk.Write(0, [1, 1]);
            image.Arm();

            Assert.Equal(ImageErrorKind.Io, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["over.qed"]))).Kind);
            Assert.Equal(["disk.qed"], _test.Files);
            Assert.Single(disk.Levels);
            disk.Write(1, [2]);

            await disk.SnapshotAsync(_test["over.qed"]);
            disk.Write(0, [3]);
        }

        using VirtualDisk old = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true });
        byte[] bytes = new byte[2];
        old.Read(0, bytes);
        Assert.Equal([1, 2], bytes);
        using VirtualDisk over = _test.Host.OpenDisk(_test["over.qed"], new DiskOpenOptions { ReadOnly = true });
        over.Read(0, bytes);
        Assert.Equal([3, 2], bytes);
    }

    /// <summary>What has the name of the overlay may be replaced, by a snapshot that comes about.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshot_ThatFails_LeavesTheFileThatItWasToReplace(bool isCancelled)
    {
        string path = _test.Qed("disk.qed", Size);
        string earlier = _test.Raw("over.qed", 777, 3);
        byte[] content = await File.ReadAllBytesAsync(earlier);
        FileStorage storage = FileStorage.Open(path);
        var image = new FailingOnce(new QedBackend().Open(storage, new ImageOpenOptions()), failsLate: false);
        var level = new Level { Image = image, Path = path, FormatId = "qed", Storage = storage };
        using var disk = new VirtualDisk(new Generation([level]), new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        disk.Write(0, [1]);
        if (isCancelled)
        {
            image.BeforeFlush = () =>
            {
                stop.Cancel();
                stop.Token.ThrowIfCancellationRequested();
            };
        }
        else
        {
            image.Arm();
        }

        await Assert.ThrowsAnyAsync<Exception>(async () => await disk.SnapshotAsync(earlier, new SnapshotOptions { Overwrite = true }, stop.Token));

        Assert.Equal(content, await File.ReadAllBytesAsync(earlier));
        Assert.Equal(["disk.qed", "over.qed"], _test.Files);
        image.BeforeFlush = null;
        await disk.SnapshotAsync(earlier, new SnapshotOptions { Overwrite = true });
        Assert.Equal(earlier, disk.Path);
        Assert.Equal(["disk.qed", "over.qed"], _test.Files);
    }

    [Fact]
    public async Task Snapshot_HoldsNewWrites_UntilTheChangeIsDone()
    {
        string path = _test.Qed("disk.qed", Size);
        FileStorage storage = FileStorage.Open(path);
        var image = new FailingOnce(new QedBackend().Open(storage, new ImageOpenOptions()), failsLate: false);
        var level = new Level { Image = image, Path = path, FormatId = "qed", Storage = storage };
        using (var disk = new VirtualDisk(new Generation([level]), new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance))
        {
            Task? held = null;
            image.BeforeFlush = () => held ??= disk.WriteAsync(0, new byte[] { 5 }).AsTask();
            await disk.SnapshotAsync(_test["over.qed"]);
            await held!;
        }

        using VirtualDisk old = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true });
        byte[] one = new byte[1];
        old.Read(0, one);
        Assert.Equal(0, one[0]);
    }

    [Fact]
    public async Task Snapshot_WhoseOldTopCannotTellItsGeometry_FailsWithThat_AndRemovesTheNewFile()
    {
        string path = _test.Qed("disk.qed", Size);
        FileStorage storage = FileStorage.Open(path);
        var level = new Level { Image = new UnknownGeometry(new QedBackend().Open(storage, new ImageOpenOptions())), Path = path, FormatId = "qed", Storage = storage };
        using var disk = new VirtualDisk(new Generation([level]), new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance);

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["over.qed"]));

        Assert.Contains("geometry: injected", failed.Message, StringComparison.Ordinal);
        Assert.Equal(["disk.qed"], _test.Files);
        Assert.Single(disk.Levels);
        disk.Write(0, [1]);
    }

    public void Dispose() => _test.Dispose();

    private sealed class UnknownGeometry(IDiskImage inner) : DelegatingImage(inner)
    {
        public override DiskGeometry? LogicalGeometry
        {
            get => throw new ImageException(ImageErrorKind.Io, "geometry: injected");
            set => throw new ImageException(ImageErrorKind.Io, "geometry: injected");
        }
    }

    /// <summary>A format need not keep a geometry: what was never set is in nobody's way, and what was is not lost in silence.</summary>
    [Fact]
    public async Task Snapshot_OntoAnImageThatKeepsNoGeometry_IsRefusedOnlyWhereOneWasSet()
    {
        string path = _test.Raw("disk.raw", Size, 3);
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(new RawBackend());
        options.Backends.Add(new BackendWithoutGeometry(new QedBackend()));
        using var host = new DiskHost(options);
        using VirtualDisk disk = host.OpenDisk(path, new DiskOpenOptions { Format = "raw" });
        disk.Geometry = new DiskGeometry(100, 16, 63);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["over.qed"]));

        Assert.Equal((ImageErrorKind.NotSupported, "disk.raw"), (refusal.Kind, Assert.Single(_test.Files)));
        await disk.CloseAsync();
        using VirtualDisk again = host.OpenDisk(path, new DiskOpenOptions { Format = "raw" });
        await again.SnapshotAsync(_test["over.qed"]);
        Assert.Equal(2, again.Levels.Count);
    }

    private sealed class BackendWithoutGeometry(IImageBackend inner) : IImageBackend
    {
        public BackendInfo Info => inner.Info;

        public ProbeResult Probe(in ProbeInput input) => inner.Probe(input);

        public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => new ImageWithoutGeometry(inner.Open(storage, options));

        public async ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
            new ImageWithoutGeometry(await inner.OpenAsync(storage, options, cancellationToken));

        public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
            inner.CreateAsync(storage, options, cancellationToken);

        public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
            inner.CheckAsync(storage, options, progress, cancellationToken);
    }

    private sealed class ImageWithoutGeometry(IDiskImage inner) : DelegatingImage(inner)
    {
        public override DiskGeometry? LogicalGeometry
        {
            get => null;
            set => throw ImageException.NotSupported("setting the logical geometry", Name);
        }
    }

    private sealed class FailingOnce(IDiskImage inner, bool failsLate) : DelegatingImage(inner)
    {
        private bool _isArmed;

        public Action? BeforeFlush { get; set; }

        public void Arm() => _isArmed = true;

        public override async ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            await Inner.SetOpenFlagsAsync(flags, cancellationToken);
            if (failsLate && Disarm())
            {
                await Inner.SetOpenFlagsAsync(ImageOpenFlags.None, cancellationToken);
                throw new ImageException(ImageErrorKind.Io, "flags: injected");
            }
        }

        protected override async ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        {
            BeforeFlush?.Invoke();
            if (!failsLate && Disarm())
            {
                throw new ImageException(ImageErrorKind.Io, "flush: injected");
            }

            await TIo.FlushAsync(Inner, cancellationToken);
        }

        private bool Disarm()
        {
            bool was = _isArmed;
            _isArmed = false;
            return was;
        }
    }
}
