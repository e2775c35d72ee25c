namespace QedVd.Host.Tests.Operations;

/// <summary>Each operation on a storage fails once, whichever it is: what comes of it.</summary>
public sealed class ConvertFaultTests : IDisposable
{
    private const int Size = 3 << 20;
    private const int MostOperations = 3000;

    private readonly TestHost _test = new();
    private readonly FaultCounter _faults = new();
    private readonly DiskHost _host;

    public ConvertFaultTests() => _host = FaultyBackend.MakeHost(_faults);

    [Theory]
    [InlineData("qed", false)]
    [InlineData("raw", false)]
    [InlineData("qed", true)]
    public async Task Convert_FailingAnywhere_LeavesNothing(string targetFormat, bool ontoParent)
    {
        string parent = _test.Qed("parent.qed", Size, clusterBytes: 65536);
        byte[] below = CopyBench.Content(Size, 1);
        CopyBench.Fill(_test, parent, "qed", below);
        string source = _test.Qed("source.qed", Size, clusterBytes: 65536);
        byte[] content = CopyBench.Content(Size, 2, below);
        CopyBench.Fill(_test, source, "qed", content);
        var options = new ConvertOptions { TargetFormat = targetFormat, ParentPath = ontoParent ? parent : null, Workers = 3 };

        await LoopAsync(
            async () => await _host.ConvertAsync(source, _test["target"], options),
            afterFailure: () => Assert.Equal(["parent.qed", "source.qed"], _test.Files),
            afterSuccess: () =>
            {
                Assert.Equal(content, CopyBench.Read(_test, _test["target"], targetFormat));
                File.Delete(_test["target"]);
            });
    }

    [Fact]
    public async Task ConvertIntoAnExistingImage_FailingAnywhere_LeavesAValidOne_AndARerunCompletes()
    {
        string source = _test.Raw("source.raw", Size, 0);
        byte[] content = CopyBench.Content(Size, 3);
        await File.WriteAllBytesAsync(source, content);
        string target = _test.Qed("target.qed", Size, clusterBytes: 65536);
        CopyBench.Fill(_test, target, "qed", CopyBench.Content(Size, 4));
        byte[] before = await File.ReadAllBytesAsync(target);
        var options = new ConvertOptions { IntoExisting = true, Source = new DiskOpenOptions { Format = "raw" } };

        await LoopAsync(
            async () => await _host.ConvertAsync(source, target, options),
            afterFailure: () =>
            {
                CheckReport report = TestHost.Run(_test.Host.CheckAsync(target));
                Assert.True(report.IsSound, string.Join("; ", report.Findings));
                TestHost.Run(_test.Host.ConvertAsync(source, target, options));
                Assert.Equal(content, CopyBench.Read(_test, target));
                File.WriteAllBytes(target, before);
            },
            afterSuccess: () =>
            {
                Assert.Equal(content, CopyBench.Read(_test, target));
                File.WriteAllBytes(target, before);
            });
    }

    [Fact]
    public async Task CopyChain_FailingAnywhere_LeavesNothing()
    {
        string parent = _test.Qed("parent.qed", Size, clusterBytes: 65536);
        CopyBench.Fill(_test, parent, "qed", CopyBench.Content(Size, 5));
        string top = _test.Qed("top.qed", Size, "parent.qed", clusterBytes: 65536);
        using (VirtualDisk disk = _test.Host.OpenDisk(top))
        {
            disk.Write(300_000, CopyBench.Content(1 << 20, 6));
            disk.WriteZeroes(2 << 20, 1 << 20);
            disk.Close();
        }

        Directory.CreateDirectory(_test["copy"]);

        await LoopAsync(
            async () => await _host.CopyChainAsync(top, _test["copy"]),
            afterFailure: () => Assert.Equal(["parent.qed", "top.qed"], _test.Files),
            afterSuccess: () =>
            {
                Assert.Equal(CopyBench.Read(_test, top), CopyBench.Read(_test, _test["copy/top.qed"]));
                File.Delete(_test["copy/top.qed"]);
                File.Delete(_test["copy/parent.qed"]);
            });
    }

    public void Dispose()
    {
        _host.Dispose();
        _test.Dispose();
    }

    // With a growing step: the first operations are the ones that differ. What is tried again by itself (a table that is read ahead) need not be told.
    private async Task LoopAsync(Func<Task> act, Action afterFailure, Action afterSuccess)
    {
        int told = 0;
        for (int nth = 1; nth < MostOperations; nth += 1 + (nth / 8))
        {
            _faults.Arm(nth);
            ImageException? failure = null;
            try
            {
                await act();
            }
            catch (ImageException exception)
            {
                failure = exception;
            }

            bool hasStruck = _faults.HasStruck;
            _faults.Disarm();
            if (failure is null)
            {
                afterSuccess();
                if (!hasStruck)
                {
                    Assert.InRange(told, 5, MostOperations);
                    return;
                }

                continue;
            }

            told++;
            Assert.True(hasStruck, $"failed without a fault: {failure}");
            Assert.True(failure.Kind is ImageErrorKind.Io or ImageErrorKind.OutOfSpace, $"operation {nth}: {failure}");
            afterFailure();
        }

        Assert.Fail("no end of faults");
    }
}
