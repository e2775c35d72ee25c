namespace QedVd.Host;

/// <summary>The parent that a new image is to have: open for reading, and the way it is going to be named.</summary>
/// <param name="Disk">The parent's content.</param>
/// <param name="Name">What the new image stores.</param>
internal sealed record ParentPlan(VirtualDisk Disk, ParentReference Name) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Disk.DisposeAsync();
}
