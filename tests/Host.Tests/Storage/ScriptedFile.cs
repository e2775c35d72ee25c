namespace QedVd.Host.Tests.Storage;

/// <summary>An open file that answers as a test says.</summary>
internal sealed class ScriptedFile(string path) : HostFile(path)
{
    private static ulong s_number;

    /// <summary>Called when nobody else is to have it open.</summary>
    public Func<LockOutcome>? OnHoldAlone { get; init; }

    /// <summary>Called when a folder is to be made durable, with the folder.</summary>
    public Action<string>? OnFlushFolder { get; init; }

    /// <summary>Called when it is closed.</summary>
    public Action? OnClose { get; init; }

    public bool IsNamed { get; init; } = true;

    public bool IsClosed { get; private set; }

    public override StorageIdentity Identity { get; } = new(0x5C817, Interlocked.Increment(ref s_number));

    public override StorageFacts Facts => StorageFacts.None;

    public override bool IsReadOnly => true;

    public override long GetLength() => 0;

    public override long GetAllocatedBytes() => 0;

    public override int Read(long offset, Span<byte> buffer) => 0;

    public override int Read(long offset, IReadOnlyList<Memory<byte>> buffers) => 0;

    public override void Write(long offset, ReadOnlySpan<byte> buffer) => throw new NotSupportedException();

    public override void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers) => throw new NotSupportedException();

    public override void SetLength(long lengthBytes) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override LockOutcome TryLock(LockRights rights) => LockOutcome.Held;

    public override LockOutcome TryChangeAccess(bool readOnly, LockRights oldRights, LockRights newRights) => throw new NotSupportedException();

    public override LockOutcome TryHoldAlone(LockRights held) => OnHoldAlone?.Invoke() ?? LockOutcome.Held;

    public override bool HasName(string path) => IsNamed;

    public override void MoveName(string from, string to, bool overwrite) => throw new NotSupportedException();

    public override bool TryLinkName(string from, string to) => false;

    public override void RemoveName(string path)
    {
    }

    public override void FlushFolder(string folder) => OnFlushFolder?.Invoke(folder);

    public override void Dispose()
    {
        IsClosed = true;
        OnClose?.Invoke();
    }
}
