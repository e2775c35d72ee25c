using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>
/// What the guest sees: a chain of images, top first, composed by the host. Offsets and lengths are bytes.
/// </summary>
/// <remarks>
/// <para><b>Full requests.</b> A read fills all of its buffer or throws; a write, zero or discard request handles all of its range or throws.
/// A request must lie inside <see cref="LengthBytes"/>, else <see cref="ArgumentOutOfRangeException"/>. A request that failed was not acknowledged:
/// each of its bytes is old or new.</para>
/// <para><b>Two forms.</b> The synchronous members work on the calling thread, on spans that may be unmanaged guest memory, with no hop to a pool;
/// the asynchronous ones never block and complete inline when no waiting is needed. Neither allocates for a read or for a write in place.</para>
/// <para><b>Thread safety.</b> All members may be called concurrently. Requests that overlap while both are under way have no defined order, but each
/// byte ends with the value of one of them. <see cref="Close"/> waits for requests under way; later ones throw <see cref="ObjectDisposedException"/>.</para>
/// <para><b>Errors.</b> <see cref="ImageException"/>; <see cref="ImageErrorKind.OutOfSpace"/> may be retried once there is room.</para>
/// </remarks>
public sealed partial class VirtualDisk : IDisposable, IAsyncDisposable
{
    /// <summary>What an image is asked for, in the words of an error: it is told what lies beneath it, and to name another parent.</summary>
    internal const string ComposingLevel = "composing";

    /// <inheritdoc cref="ComposingLevel"/>
    internal const string RelinkingLevel = "changing the parent of";

    private readonly RangeLock _growth = new();
    private readonly SemaphoreSlim _changes = new(1, 1);
    private readonly DiskHost? _host;
    private volatile DiskOpenOptions _options;
    private readonly long _number;
    private readonly ILogger _logger;
    private readonly bool _ownsLevels = true;
    private volatile Generation _generation;
    private volatile bool _isClosed;

    /// <summary>Takes the images over. The caller has told each what lies beneath.</summary>
    internal VirtualDisk(Generation generation, DiskOpenOptions options, DiskHost? host, long number, ILogger logger)
    {
        _number = number;
        _generation = generation;
        _options = options;
        _host = host;
        _logger = logger;
    }

    /// <summary>A disk over levels of another disk, which stay its own: closing this one leaves them open.</summary>
    private VirtualDisk(IReadOnlyList<Level> levels, ILogger logger)
        : this(new Generation(levels), new DiskOpenOptions(), host: null, number: 0, logger) => _ownsLevels = false;

    /// <summary>Size of the disk.</summary>
    public long LengthBytes => _generation.LengthBytes;

    /// <summary>Whether changes are refused with <see cref="ImageErrorKind.ReadOnly"/>.</summary>
    public bool IsReadOnly => _options.ReadOnly || _generation.IsTopReadOnly;

    /// <summary>The top image's file, or its storage's name.</summary>
    public string Path => _generation.Levels[0].Path;

    /// <summary>Sizes that a virtual machine should tell its guest.</summary>
    public DiskLimits Limits
    {
        get
        {
            DiskLimits limits = DiskFacts.LimitsOf(_generation);
            return _filters?.Above(limits) ?? limits;
        }
    }

    /// <summary>The guest's geometry: what was set, else the standard translation of the size.</summary>
    public DiskGeometry Geometry
    {
        get => _generation.Top.LogicalGeometry ?? DiskFacts.StandardGeometry(LengthBytes);
        set => _generation.Top.LogicalGeometry = value;
    }

    /// <summary>The levels as they are now, top first.</summary>
    public IReadOnlyList<DiskLevel> Levels
    {
        get
        {
            Generation generation = EnterReader();
            try
            {
                return [.. generation.Levels.Select((level, depth) => level.Describe(depth))];
            }
            finally
            {
                generation.Readers.Exit();
            }
        }
    }

    /// <summary>A seekable stream over the disk; its length is the disk's, and only <see cref="ResizeAsync"/> changes it. Flushing it flushes the disk; disposing it does not close the disk.</summary>
    public Stream AsStream() => new DiskStream(this);

    /// <summary>The files of the chain.</summary>
    internal IReadOnlyCollection<StorageIdentity> Identities => [.. _generation.Levels.Where(level => level.Storage is not null).Select(level => level.Storage!.Identity)];

    /// <summary>Tells every level what lies beneath it.</summary>
    internal static async ValueTask TellBeneathAsync<TIo>(Generation generation, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        for (int depth = generation.Levels.Length - 1; depth >= 0; depth--)
        {
            await TellBeneathAsync<TIo>(generation, depth, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Tells one level.</summary>
    internal static async ValueTask TellBeneathAsync<TIo>(Generation generation, int depth, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            if (TIo.IsSynchronous)
            {
                generation.Images[depth].SetBeneath(generation.BeneathOf(depth));
            }
            else
            {
                await generation.Images[depth].SetBeneathAsync(generation.BeneathOf(depth), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[depth].Fault(ComposingLevel, null, exception);
        }
    }

    private Generation EnterReader()
    {
        while (true)
        {
            Generation generation = _generation;
            if (generation.Readers.TryEnter())
            {
                return generation;
            }

            // Closed for good: either a newer generation is in its place, or the disk is closed.
            ThrowIfClosed();
        }
    }

    private async ValueTask<Generation> WaitForWriterAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            Generation generation = _generation;
            if (generation.Writers.TryEnter())
            {
                return generation;
            }

            ThrowIfClosed();
            await TIo.WaitAsync(generation.Writers.WhenOpen, cancellationToken).ConfigureAwait(false);
        }
    }

    private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, this);

    private static void CheckRange(Generation generation, long offset, long lengthBytes)
    {
        if ((offset | lengthBytes) < 0 || offset > generation.LengthBytes - lengthBytes)
        {
            ThrowRange(generation, offset, lengthBytes);
        }
    }

    private static void ThrowRange(Generation generation, long offset, long lengthBytes) =>
        throw new ArgumentOutOfRangeException(
            nameof(offset), $"{generation.Levels[0].Path}: {lengthBytes} bytes at {offset} are not inside the disk of {generation.LengthBytes} bytes.");
}
