using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A guest that writes twice as fast as a merge of its top copies: it must not wait for all of it at once.</summary>
public sealed class FastGuestTests : IDisposable
{
    private const int Size = 32 << 20;
    private const int Request = 64 << 10;

    // A few times what is copied while it waits; a fraction of what it writes in a round.
    private const int MostWaited = 16 << 20;

    private readonly TestHost _test = new();
    private readonly byte[] _expected = new byte[Size];
    private readonly Random _random = new(4);
    private VirtualDisk _disk = null!;
    private Task _write = Task.CompletedTask;
    private int _at;
    private long _seen;
    private long _waited;
    private long _mostWaited;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(256 << 20)]
    public async Task MergeOfItsTop_LetsItWaitForAFewMebibytesAtATime_AndLosesNothing(long rate)
    {
        _test.Qed("base.qed", Size, clusterBytes: 65536);
        _random.NextBytes(_expected);
        using (_disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "base.qed", clusterBytes: 65536)))
        {
            _disk.Write(0, _expected);

            MergeResult result = await _disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down, MaxBytesPerSecond = rate }, new Now(Copied), Stop);
            await _write;

            Assert.True(result.CopiedBytes > 3L * Size, $"The guest wrote too little: {result.CopiedBytes} bytes were copied.");
            Assert.InRange(_mostWaited, 1, MostWaited);
            Assert.Equal(_expected, PushChain.ReadAll(_disk));
            _disk.Close();
        }

        using VirtualDisk survivor = _test.Host.OpenDisk(_test["base.qed"]);
        Assert.Equal(_expected, PushChain.ReadAll(survivor));
    }

    // Twice what was copied since the last time, in requests that end at once unless they have to wait for the merge.
    private void Copied(OperationProgress told)
    {
        if (told.Phase != "merging")
        {
            return;
        }

        // A second push counts anew.
        long copied = Math.Max(0, told.DoneBytes - _seen);
        _seen = told.DoneBytes;
        if (!_write.IsCompleted)
        {
            _waited += copied;
            _mostWaited = Math.Max(_mostWaited, _waited);
            return;
        }

        _waited = 0;
        for (long left = 2 * copied; left > 0 && _write.IsCompleted; left -= Request)
        {
            byte[] data = new byte[Request];
            _random.NextBytes(data);
            data.CopyTo(_expected, _at);
            _write = _disk.WriteAsync(_at, data, cancellationToken: Stop).AsTask();
            _at = (_at + Request) % Size;
        }
    }
}
