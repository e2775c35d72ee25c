using QedVd.Backends.Qed;
using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Operations;

public sealed class OpenedImageTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_OfAnImageThatFailsToClose_StillReleasesItsPlugin(bool isAsynchronous)
    {
        int released = 0;
        var image = new FailsToDispose();
        var opened = new OpenedImage(new Level { Image = image, Path = "x", FormatId = "blocks", Lease = new BackendLease(new QedBackend(), () => released++) });

        ImageException exception = await Assert.ThrowsAsync<ImageException>(async () =>
        {
            if (isAsynchronous)
            {
                await opened.DisposeAsync();
            }
            else
            {
                opened.Dispose();
            }
        });

        Assert.Equal(1, released);
        Assert.Equal((ImageErrorKind.BackendFault, "x: the backend 'blocks' failed while closing it (InvalidOperationException: a plugin's mistake). This is a mistake in the backend; report it to its author."), (exception.Kind, exception.Message));
    }

    private sealed class FailsToDispose() : DelegatingImage(new BlockImage("x", 4096, 4096))
    {
        protected override ValueTask CloseCore<TIo>() => throw new InvalidOperationException("a plugin's mistake");
    }
}
