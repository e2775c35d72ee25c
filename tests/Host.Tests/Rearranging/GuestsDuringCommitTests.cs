using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a guest changes while its disk is committed stays in the top, by whichever request it does so; and nothing else does.</summary>
public sealed class GuestsDuringCommitTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 1024 * Cluster;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("write")]
    [InlineData("list")]
    [InlineData("list, later")]
    [InlineData("zeros")]
    [InlineData("nothing")]
    public async Task Change_DuringACommit_IsNotEmptiedFromTheTop(string request)
    {
        _test.Qed("base.qed", Size);
        byte[] expected = new byte[Size];
        new Random(3).NextBytes(expected);
        using (VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "base.qed")))
        {
            disk.Write(0, expected);
            Task? later = null;
            bool isDone = false;
            var progress = new Now(told =>
            {
                if (isDone || told.Phase != "committing")
                {
                    return;
                }

                isDone = true;
                switch (request)
                {
                    case "write":
                        disk.Write(100, [1, 2, 3, 4]);
                        break;
                    case "list":
                        disk.Write(100, [new byte[] { 1, 2 }, new byte[] { 3, 4 }]);
                        break;
                    case "list, later":
                        later = disk.WriteAsync(100, [new byte[] { 1, 2 }, new byte[] { 3, 4 }], cancellationToken: Stop).AsTask();
                        break;
                    case "zeros":
                        disk.WriteZeroes(100, 4);
                        break;
                    default:
                        disk.Write(100, new ReadOnlyMemory<byte>[] { default });
                        disk.Write(100, ReadOnlySpan<byte>.Empty);
                        disk.WriteZeroes(100, 0);
                        disk.Discard(Size, 0);
                        break;
                }
            });
            await disk.CommitAsync(progress: progress, cancellationToken: Stop);
            await (later ?? Task.CompletedTask);

            Assert.True(isDone);
            byte[] changed = request switch { "zeros" => [0, 0, 0, 0], "nothing" => expected[100..104], _ => [1, 2, 3, 4] };
            changed.CopyTo(expected, 100);
            Assert.Equal(expected, PushChain.ReadAll(disk));
            Assert.Equal(request == "nothing" ? 1 : 0, disk.Map(100, 1).Depth);
            Assert.Equal(1, disk.Map(Size - Cluster, 1).Depth);
            disk.Close();
        }

        using VirtualDisk again = _test.Host.OpenDisk(_test["top.qed"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    [Fact]
    public async Task Merge_OfADiskWithoutParents_IsRefused_AndSaysWhy()
    {
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("only.qed", Size));

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Contains("has no parent", refused.Message, StringComparison.Ordinal);
    }
}
