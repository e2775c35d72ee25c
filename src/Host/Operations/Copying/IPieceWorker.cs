namespace QedVd.Host;

/// <summary>One of several workers on a plan, with a buffer of its own, for one piece at a time.</summary>
/// <typeparam name="TPiece">What a plan consists of.</typeparam>
internal interface IPieceWorker<TPiece>
{
    /// <summary>What may be done while other workers do the same with other pieces.</summary>
    ValueTask PrepareAsync(TPiece piece, CancellationToken cancellationToken);

    /// <summary>What is done in the order of the pieces, if they have one: for one at a time then, on whatever thread. False: no more pieces are needed.</summary>
    ValueTask<bool> FinishAsync(TPiece piece, CancellationToken cancellationToken);
}
