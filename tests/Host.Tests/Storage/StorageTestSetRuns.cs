namespace QedVd.Host.Tests.Storage;

public sealed class MemoryStorageSetTests : StorageTestSet
{
    protected override IImageStorage Create() => new MemoryStorage();

    protected override IImageStorage ReopenReadOnly(IImageStorage disposed) => ((MemoryStorage)disposed).Reopen(isReadOnly: true);
}

public abstract class FileStorageSet : StorageTestSet, IDisposable
{
    private readonly TempFolder _folder = new();
    private int _count;

    private protected virtual FileStorageOptions Options => new();

    public void Dispose() => _folder.Dispose();

    protected override IImageStorage Create() => FileStorage.Open(_folder.Create($"file-{_count++}"), Options);

    protected override IImageStorage ReopenReadOnly(IImageStorage disposed) => FileStorage.Open(disposed.Name, Options with { ReadOnly = true });
}

public sealed class FileStorageSetTests : FileStorageSet
{
}

/// <summary>Every fact switched off that a regular file can do without: its length can always be set.</summary>
public sealed class FileStorageWithoutFactsSetTests : FileStorageSet
{
    private protected override FileStorageOptions Options => new() { DisabledFacts = ~StorageFacts.CanSetLength };
}

/// <summary>What is used where there is no Linux.</summary>
public sealed class PortableStorageSetTests : FileStorageSet
{
    private protected override FileStorageOptions Options => new() { UsePortableForm = true };
}

/// <summary>A file system in memory, where the page cache gives no answer without waiting.</summary>
public sealed class FileStorageOnTmpfsSetTests : StorageTestSet, IDisposable
{
    private readonly TempFolder _folder = new(Directory.Exists("/dev/shm") ? "/dev/shm" : null);
    private int _count;

    public void Dispose() => _folder.Dispose();

    protected override IImageStorage Create() => FileStorage.Open(_folder.Create($"file-{_count++}"));

    protected override IImageStorage ReopenReadOnly(IImageStorage disposed) => FileStorage.Open(disposed.Name, new FileStorageOptions { ReadOnly = true });
}
