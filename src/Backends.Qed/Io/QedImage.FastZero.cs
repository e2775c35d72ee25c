namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <inheritdoc/>
    /// <remarks>Free clusters get a marker; data is punched in place where the storage can do that, and written over where it cannot.</remarks>
    public override FastZeroKinds FastZeroes => IsReadOnly
        ? FastZeroKinds.None
        : FastZeroKinds.FreeBlocks | (CanPunchHoles ? FastZeroKinds.DataBlocks | FastZeroKinds.PartsOfData : FastZeroKinds.None);
}
