namespace QedVd.Host.Tests.Storage;

public sealed class CloseOrderTests
{
    [Fact]
    public void Dispose_LeavesTheRegistryBeforeTheFileCloses_SoThatWhoGetsItsNumberMeetsNobody()
    {
        LockRights rights = LockRights.Of(ImageLockMode.ReadWrite);
        bool? isFree = null;
        ScriptedFile? file = null;
        file = new ScriptedFile("/nowhere")
        {
            OnClose = () =>
            {
                LockRegistry.Entry? entry = LockRegistry.TryAdd(file!.Identity, rights, out _);
                isFree = entry is not null;
                if (entry is not null)
                {
                    LockRegistry.Remove(entry);
                }
            },
        };

        FileStorage.Adopt(file, rights, new FileStorageOptions()).Dispose();

        Assert.True(isFree);
    }
}
