namespace QedVd.TestKit;

/// <summary>A storage that says of some barriers that they have completed, and has not even begun them: what searches for crashes must find.</summary>
/// <param name="inner">Does all the rest.</param>
/// <param name="drops">Whether the barrier of this number, from 0, is dropped.</param>
public sealed class BarrierDropper(IImageStorage inner, Func<int, bool> drops) : ForwardingStorage(inner)
{
    private int _barriers;

    /// <inheritdoc/>
    public override void Barrier()
    {
        if (!drops(_barriers++))
        {
            base.Barrier();
        }
    }

    /// <inheritdoc/>
    public override ValueTask BarrierAsync(CancellationToken cancellationToken = default) => drops(_barriers++) ? default : base.BarrierAsync(cancellationToken);
}
