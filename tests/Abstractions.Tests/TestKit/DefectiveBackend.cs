using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

/// <summary>One way to break the contract.</summary>
public enum Defect
{
    None,
    AcceptsAnyRange,
    TouchesTheBufferOfZeros,
    ReadsZeroBytes,
    ReadsOneByteTooFew,
    SwallowsWrites,
    SwallowsTheSecondWrite,
    AnswersFreeOverNothing,
    ForgetsPreAndPost,
    RefusesTheLastBlock,
    AllocatesInSpiteOfNoAllocate,
    ZerosOnlyTheFirstChunk,
    ZerosWithGarbage,
    DiscardsWithGarbage,
    DiscardAnswersFree,
    MapsTooFar,
    MapsDataAsZero,
    MapsToTheWrongPlace,
    TryMapDisagrees,
    TryMapAllocates,
    TryMapReads,
    FlushesNothing,
    ForgetsForceUnitAccess,
    CloseSwallowsErrors,
    CloseKeepsTheStorage,
    WritesWhenReadOnly,
    ThrowsWhenDisposed,
    ClaimsGrow,
    ThrowsTheWrongWay,
    ForgetsTheParent,
    IgnoresBeneath,
    ProbeIsSureOfAnything,
    ProbeThrows,
    OpenDisposesTheStorage,
    OpenWritesFirst,
    CreateWithoutBarrier,
    CreateIgnoresOptions,
    AsyncIsDifferent,
    LosesConcurrentWrites,
    DumpsControlCharacters,
}

/// <summary><see cref="MemoryBackend"/> with one defect, to prove that the conformance suite sees it.</summary>
internal sealed class DefectiveBackend(Defect defect) : IImageBackend
{
    private readonly MemoryBackend _inner = new();

    public BackendInfo Info => defect == Defect.ClaimsGrow ? _inner.Info with { Capabilities = _inner.Info.Capabilities | ImageCapabilities.Grow } : _inner.Info;

    public ProbeResult Probe(in ProbeInput input) => defect switch
    {
        Defect.ProbeIsSureOfAnything => new ProbeResult(ProbeConfidence.Certain, "of course"),
        Defect.ProbeThrows => new ProbeResult(input.Start[63] == 0 ? ProbeConfidence.Maybe : ProbeConfidence.No, "looked at byte 63"),
        _ => _inner.Probe(input),
    };

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => SyncIo.Complete(OpenAsync(storage, options));

    public async ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default)
    {
        if (defect == Defect.OpenWritesFirst && !storage.IsReadOnly)
        {
            storage.Write(8000, [1]);
        }

        try
        {
            IDiskImage image = _inner.Open(storage, options with { Mode = defect == Defect.FlushesNothing ? ConsistencyMode.Unsafe : options.Mode });
            return new DefectiveImage(image, storage, this, defect);
        }
        catch when (defect == Defect.OpenDisposesTheStorage)
        {
            await storage.DisposeAsync();
            throw;
        }
    }

    public void Create(IImageStorage storage, ImageCreateOptions options)
    {
        if (defect == Defect.CreateIgnoresOptions)
        {
            options = options with { FormatOptions = new Dictionary<string, string>() };
        }

        if (defect == Defect.ForgetsTheParent)
        {
            options = options with { Parent = null };
        }

        _inner.Create(storage, options);
        if (defect == Defect.CreateWithoutBarrier)
        {
            storage.Write(4000, [0]);
        }
    }

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default)
    {
        Create(storage, options);
        return default;
    }
}
