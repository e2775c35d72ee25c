namespace QedVd.Host;

/// <summary>One of several workers on a plan, with a buffer of its own, for some pieces at a time.</summary>
/// <typeparam name="TPiece">What a plan consists of.</typeparam>
internal interface IPieceWorker<TPiece>
{
    /// <summary>Gives it one piece more, the next of the plan; false: it has no room for that. The first always fits.</summary>
    bool TryTake(TPiece piece);

    /// <summary>What may be done while other workers do the same with other pieces.</summary>
    ValueTask PrepareAsync(CancellationToken cancellationToken);

    /// <summary>
    /// What is done in the order of the pieces, if they have one: by one worker at a time then, on whatever thread. It has none afterwards. False: no more
    /// pieces are needed.
    /// </summary>
    ValueTask<bool> FinishAsync(CancellationToken cancellationToken);
}
