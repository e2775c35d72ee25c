using System.Buffers;

namespace QedVd.Host;

/// <summary>
/// Finds out what a file is: reads its start (and its last sector) once, asks every backend, ranks the answers, and names well-known formats that no
/// backend is for.
/// </summary>
/// <remarks>Thread safe. Takes no lock and writes nothing. A backend that fails is reported and does not disturb the others; an I/O error of the storage is an error.</remarks>
public sealed class Prober
{
    /// <summary>The most that is read of the start of a file, whatever a backend asks for.</summary>
    public const int MaxStartBytes = 64 << 10;

    /// <summary>The most that is read of the end of a file.</summary>
    public const int EndBytes = 512;

    // Up to the end of the first volume descriptor of an optical disc.
    private const int OwnStartBytes = 34 << 10;

    private readonly BackendCatalog _catalog;

    /// <summary>Creates a prober that asks the backends of a catalogue, as it is at each probe.</summary>
    public Prober(BackendCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        _catalog = catalog;
    }

    /// <summary>Probes a storage.</summary>
    /// <param name="storage">Open for reading; stays the caller's.</param>
    /// <param name="fileName">A name without folder, as a hint; null: the last part of <see cref="IImageStorage.Name"/>.</param>
    /// <exception cref="ImageException">The storage could not be read.</exception>
    public ProbeReport Probe(IImageStorage storage, string? fileName = null)
    {
        ArgumentNullException.ThrowIfNull(storage);
        return SyncIo.Complete(ProbeCore<SyncIo>(storage, fileName, default));
    }

    /// <inheritdoc cref="Probe"/>
    public ValueTask<ProbeReport> ProbeAsync(IImageStorage storage, string? fileName = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        return ProbeCore<AsyncIo>(storage, fileName, cancellationToken);
    }

    private async ValueTask<ProbeReport> ProbeCore<TIo>(IImageStorage storage, string? fileName, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        IReadOnlyList<IImageBackend> backends = _catalog.Backends;
        int wanted = Math.Clamp(backends.Select(backend => backend.Info.ProbeBytes).DefaultIfEmpty(0).Max(), OwnStartBytes, MaxStartBytes);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(wanted + EndBytes);
        bool isBufferOurs = true;
        try
        {
            long lengthBytes = storage.GetLength();
            int start = await TIo.ReadAsync(storage, 0, new IoBuffer(buffer.AsMemory(0, wanted)), cancellationToken).ConfigureAwait(false);
            int end = 0;
            if (lengthBytes > start)
            {
                end = (int)Math.Min(EndBytes, lengthBytes - start);
                end = await TIo.ReadAsync(storage, lengthBytes - end, new IoBuffer(buffer.AsMemory(start, end)), cancellationToken).ConfigureAwait(false);
            }

            // What was read lies in one piece: the last bytes of a short file are in its start.
            ReadOnlyMemory<byte> tail = buffer.AsMemory(Math.Max(0, start + end - EndBytes)..(start + end));
            lengthBytes = Math.Max(lengthBytes, start);
            var round = new ProbeRound(_catalog.Time, backends, fileName ?? Path.GetFileName(storage.Name), lengthBytes, buffer.AsMemory(0, start), tail);
            isBufferOurs = false;
            (ProbeCandidate[] candidates, isBufferOurs) = await AskAsync<TIo>(round, cancellationToken).ConfigureAwait(false);
            return new ProbeReport
            {
                Name = storage.Name,
                LengthBytes = lengthBytes,
                // OrderBy keeps the order of registration among equals.
                Candidates = [.. candidates.OrderBy(Rank)],
                NamedFormats = Name(new ProbeWindow(buffer.AsSpan(0, start), tail.Span, lengthBytes), backends),
            };
        }
        finally
        {
            // A backend that was given up may still look at it.
            if (isBufferOurs)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    /// <summary>The answers, and whether every call has come back: if not, the bytes are still looked at.</summary>
    private async ValueTask<(ProbeCandidate[] Candidates, bool HaveAllReturned)> AskAsync<TIo>(ProbeRound round, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!_catalog.HasForeignPlugins)
        {
            round.Run();
            round.ThrowWhatItThrew();
            return (round.Candidates, true);
        }

        while (true)
        {
            await _catalog.PluginThread.RunAsync<TIo>(round, cancellationToken).ConfigureAwait(false);
            if (!round.IsGivenUp)
            {
                return (round.Candidates, round.IsFirst);
            }

            round = round.Rest(_catalog.PluginThread.Limit);
        }
    }

    private static int Rank(ProbeCandidate candidate) => candidate switch
    {
        { IsFault: true } => 4,
        { Confidence: ProbeConfidence.Certain } => 0,
        { Confidence: ProbeConfidence.Maybe } => candidate.FormatId == ParentReference.Raw ? 2 : 1,
        _ => 3,
    };

    private static NamedFormat[] Name(ProbeWindow window, IReadOnlyList<IImageBackend> backends)
    {
        List<NamedFormat> found = [];
        foreach (FormatSignature signature in ContainerSignatures.All)
        {
            Add(signature.Match(window));
        }

        Add(PartitionTables.Match(window));
        foreach (FormatSignature signature in ContentSignatures.All)
        {
            Add(signature.Match(window));
        }

        return [.. found];

        void Add(NamedFormat? format)
        {
            if (format is not null && found.All(other => other.Id != format.Id) && backends.All(backend => backend.Info.Id != format.Id))
            {
                found.Add(format);
            }
        }
    }
}
