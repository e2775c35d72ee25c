namespace QedVd.Host.Tests.Storage;

public sealed class CloseOrderTests
{
    [Fact]
    public void Dispose_LeavesTheRegistryBeforeTheFileCloses_SoThatWhoGetsItsNumberMeetsNobody()
    {
        var identity = new StorageIdentity(0x5EED, 0xC105E);
        LockRights rights = LockRights.Of(ImageLockMode.ReadWrite);
        bool? isFree = null;
        var file = new ClosingFile(identity, () =>
        {
            LockRegistry.Entry? entry = LockRegistry.TryAdd(identity, rights, out _);
            isFree = entry is not null;
            if (entry is not null)
            {
                LockRegistry.Remove(entry);
            }
        });

        FileStorage.Adopt(file, rights, new FileStorageOptions()).Dispose();

        Assert.True(isFree);
    }

    /// <summary>Tells when it is closed; nothing else is asked of it.</summary>
    private sealed class ClosingFile(StorageIdentity identity, Action closing) : HostFile("/nowhere")
    {
        public override StorageIdentity Identity => identity;

        public override StorageFacts Facts => StorageFacts.None;

        public override bool IsReadOnly => false;

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

        public override LockOutcome TryChangeAccess(bool readOnly, LockRights oldRights, LockRights newRights) => LockOutcome.Held;

        public override bool HasName(string path) => false;

        public override void MoveName(string from, string to, bool overwrite) => throw new NotSupportedException();

        public override bool TryLinkName(string from, string to) => false;

        public override void RemoveName(string path)
        {
        }

        public override void FlushFolder(string folder)
        {
        }

        public override void Dispose() => closing();
    }
}
