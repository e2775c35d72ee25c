namespace QedVd.Host;

/// <summary>What some levels read together, as far as the uppermost of them goes; zeros beyond, and of no levels at all. None of them changes meanwhile.</summary>
internal sealed class ChainView
{
    private readonly Generation? _generation;

    /// <param name="levels">The uppermost first; may be none.</param>
    public ChainView(IReadOnlyList<Level> levels) => _generation = levels.Count == 0 ? null : new Generation(levels);

    /// <summary>Fills the buffer, also where no level reaches.</summary>
    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int inside = _generation is null ? 0 : (int)Math.Clamp(_generation.LengthsBytes[0] - offset, 0, buffer.Length);
        buffer.Span[inside..].Clear();
        return inside == 0 ? default : ChainReader.ReadAsync<AsyncIo>(_generation!, 0, offset, new IoBuffer(buffer[..inside]), cancellationToken);
    }

    /// <summary>A walk through the runs from an offset on; null where there is no level.</summary>
    public ChainMapWalk? Walk(long offset, long end) => _generation is null ? null : new ChainMapWalk(_generation, offset, end);

    /// <summary>The level that a run of this view comes from; null where none holds it.</summary>
    public Level? LevelOf(in DiskExtent run) => _generation is not null && run.Depth < _generation.Levels.Length ? _generation.Levels[run.Depth] : null;
}
