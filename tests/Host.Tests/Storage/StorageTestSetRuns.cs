namespace QedVd.Host.Tests.Storage;

public sealed class MemoryStorageSetTests : StorageTestSet
{
    protected override IImageStorage Create() => new MemoryStorage();
}

public abstract class FileStorageSet : StorageTestSet, IDisposable
{
    private readonly TempFolder _folder = new();
    private int _count;

    protected string NewFile() => _folder.Create($"file-{_count++}");

    public void Dispose() => _folder.Dispose();
}

public sealed class FileStorageSetTests : FileStorageSet
{
    protected override IImageStorage Create() => FileStorage.Open(NewFile());
}

public sealed class FileStorageWithoutFactsSetTests : FileStorageSet
{
    protected override IImageStorage Create() => FileStorage.Open(NewFile(), new FileStorageOptions { DisabledFacts = ~StorageFacts.CanSetLength });
}

public sealed class PortableStorageSetTests : FileStorageSet
{
    protected override IImageStorage Create() => FileStorage.Open(NewFile(), new FileStorageOptions { UsePortableForm = true });
}
