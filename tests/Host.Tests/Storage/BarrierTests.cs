using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>A barrier that failed: the storage is fenced, and a reopen in this process says so.</summary>
public sealed class BarrierTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<bool, bool> FormAndKind => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(FormAndKind))]
    public async Task Barrier_ThatFails_FencesChangesButNotReads(bool asynchronous, bool portable)
    {
        string path = _folder.Create("file", 8192);
        using var storage = FileStorage.Open(path, new FileStorageOptions { UsePortableForm = portable, BarrierSeam = () => throw Failure(path) });
        byte[] data = new byte[4096];
        await storage.WriteAsync(0, data);

        ImageException cause = await Assert.ThrowsAsync<ImageException>(async () => await Form.Barrier(storage, asynchronous));

        Assert.Equal(ImageErrorKind.Io, cause.Kind);
        foreach (Func<ValueTask> change in (Func<ValueTask>[])
        [
            () => Form.Write(storage, asynchronous, 0, data),
            () => Form.Write(storage, asynchronous, 0, new byte[200_000]),
            () => Form.SetLength(storage, asynchronous, 10),
            () => Form.PunchHole(storage, asynchronous, 0, 4096),
            () => Form.Allocate(storage, asynchronous, 0, 4096),
            () => Form.Barrier(storage, asynchronous),
        ])
        {
            ImageException fenced = await Assert.ThrowsAsync<ImageException>(async () => await change());
            Assert.Equal(ImageErrorKind.Fenced, fenced.Kind);
            Assert.Contains(cause.Message, fenced.Message, StringComparison.Ordinal);
        }

        Assert.Equal(8192, storage.GetLength());
        Assert.Equal(4096, await Form.Read(storage, asynchronous, 4096, data));
    }

    [Fact]
    public void Reopen_AfterAFailedBarrier_SaysSo_UntilItIsForgotten()
    {
        string path = _folder.Create("file", 100);
        string link = _folder["other-name"];
        File.CreateSymbolicLink(link, path);
        using (var storage = FileStorage.Open(path, new FileStorageOptions { BarrierSeam = () => throw Failure(path) }))
        {
            Assert.Null(storage.EarlierFence);
            Assert.Throws<ImageException>(storage.Barrier);
            storage.ForgetEarlierFence();
        }

        using (var again = FileStorage.Open(link))
        {
            Assert.Contains("made to fail", again.EarlierFence!.Message, StringComparison.Ordinal);

            // It is a warning about what was, not a fence of this one.
            again.Write(0, new byte[100]);
            again.Barrier();
            again.ForgetEarlierFence();
            Assert.Null(again.EarlierFence);
        }

        using var last = FileStorage.Open(path);
        Assert.Null(last.EarlierFence);
    }

    [Fact]
    public void NewFile_WithTheNumberOfAFencedOne_IsNotHeldToIt()
    {
        string path = _folder.Create("file");
        StorageIdentity identity;
        using (var storage = FileStorage.Open(path, new FileStorageOptions { BarrierSeam = () => throw Failure(path) }))
        {
            identity = storage.Identity;
            Assert.Throws<ImageException>(storage.Barrier);
        }

        File.Delete(path);
        int same = 0;
        for (int i = 0; i < 20; i++)
        {
            using var storage = FileStorage.Open(_folder.Create($"new-{i}"));
            same += storage.Identity == identity ? 1 : 0;
            Assert.Null(storage.EarlierFence);
        }

        // Where the file system uses numbers again at once, this has shown what it should.
        TestContext.Current.SendDiagnosticMessage($"{same} files got the old number.");
    }

    [Fact]
    public async Task Barrier_WhoseSystemCallFails_IsSeen()
    {
        string path = _folder.Create("file", 4096);

        string[] lines = await StorageHelper.RunAsync("barrier", path, Peers.Require("strace"), "-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO");

        Assert.StartsWith("Io ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("Fenced ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("Fenced ", lines[2], StringComparison.Ordinal);
        Assert.Equal("100", lines[3]);
        Assert.Contains("make durable", lines[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Barrier_OfAFileThatSomebodyCut_FencesIt()
    {
        string path = _folder.Create("file");
        using var storage = FileStorage.Open(path);
        storage.SetLength(100_000);
        storage.Barrier();
        storage.SetLength(90_000);
        storage.Barrier();
        using (FileStream other = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            other.SetLength(10_000);
        }

        ImageException error = Assert.Throws<ImageException>(storage.Barrier);

        Assert.Equal(ImageErrorKind.Io, error.Kind);
        Assert.Contains("90000", error.Message, StringComparison.Ordinal);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => storage.Write(0, new byte[1])).Kind);
    }

    [Fact]
    public async Task Barriers_AskedForWhileOneRuns_ShareTheNextOne()
    {
        int calls = 0;
        using var first = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        string path = _folder.Create("file");
        using var storage = FileStorage.Open(path, new FileStorageOptions
        {
            BarrierSeam = () =>
            {
                if (Interlocked.Increment(ref calls) == 1)
                {
                    first.Set();
                    go.Wait();
                }
            },
        });

        Task running = storage.BarrierAsync().AsTask();
        first.Wait();
        Task[] waiting = [.. Enumerable.Range(0, 50).Select(_ => storage.BarrierAsync().AsTask())];
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        go.Set();
        await Task.WhenAll([running, .. waiting]);

        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task Barrier_BesideOneThatFails_FailsToo()
    {
        // The system tells one of them of what it could not write; the other would pass.
        using var first = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        string path = _folder.Create("file");
        int calls = 0;
        using var storage = FileStorage.Open(path, new FileStorageOptions
        {
            BarrierSeam = () =>
            {
                if (Interlocked.Increment(ref calls) == 1)
                {
                    first.Set();
                    go.Wait();
                    throw Failure(path);
                }
            },
        });

        Task awaited = storage.BarrierAsync().AsTask();
        first.Wait();
        Task blocking = Task.Factory.StartNew(storage.Barrier, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAny(blocking, Task.Delay(200, TestContext.Current.CancellationToken));
        go.Set();

        Assert.Equal(ImageErrorKind.Io, (await Assert.ThrowsAsync<ImageException>(() => awaited)).Kind);
        Assert.Equal(ImageErrorKind.Fenced, (await Assert.ThrowsAsync<ImageException>(() => blocking)).Kind);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task Barriers_OfManyFiles_UseTwoThreadsAtMost_AndLeaveThePoolAlone()
    {
        int now = 0;
        int most = 0;
        using var go = new ManualResetEventSlim();
        List<FileStorage> storages = [];
        for (int i = 0; i < 10; i++)
        {
            storages.Add(FileStorage.Open(_folder.Create($"file-{i}"), new FileStorageOptions
            {
                BarrierSeam = () =>
                {
                    int count = Interlocked.Increment(ref now);
                    InterlockedMax(ref most, count);
                    Assert.False(Thread.CurrentThread.IsThreadPoolThread);
                    go.Wait();
                    Interlocked.Decrement(ref now);
                },
            }));
        }

        Task all = Task.WhenAll(storages.Select(storage => storage.BarrierAsync().AsTask()));
        await Task.Run(() => { });
        go.Set();
        await all;

        Assert.InRange(most, 1, 2);
        Assert.InRange(BarrierThreads.Count, 0, 2);
        storages.ForEach(storage => storage.Dispose());
    }

    private static ImageException Failure(string path) => StorageErrors.FromException(new IOException("made to fail", Errno.EIO), path, "make durable");

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = Volatile.Read(ref target); seen < value; seen = Volatile.Read(ref target))
        {
            Interlocked.CompareExchange(ref target, value, seen);
        }
    }
}
