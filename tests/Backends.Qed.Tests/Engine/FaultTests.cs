using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What fails, fails alone, and never shows bytes that nobody wrote there.</summary>
public sealed class FaultTests
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    [Theory]
    [InlineData(512)]
    [InlineData(Cluster)]
    public void FailedWrite_ThenAPartOfAnotherCluster_ShowsNoOldBytes(int written)
    {
        (SimulatedFile file, QedImage image) = WriteBackTests.Settled(withParent: false);
        file.Fail(new StorageFault { Kind = StorageOperationKind.Write, PartialBytes = written });
        Assert.Throws<ImageException>(() => image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1)));
        Assert.Equal(ExtentKind.Free, image.Map(5 * Cluster, Cluster).Kind);

        long length = file.LengthBytes;
        GuestDisk.Write(image, (7 * Cluster) + 2048, ConcurrencyTests.Pattern(512, 2));
        byte[] expected = new byte[Cluster];
        ConcurrencyTests.Pattern(512, 2).CopyTo(expected, 2048);
        Assert.Equal(expected, GuestDisk.Read(image, 7 * Cluster, Cluster));

        // Its place was not fresh: data and entry need a barrier between them.
        Assert.Equal(["barrier", "sector", "barrier"], WriteBackTests.Record(file, image.Flush));
        Assert.Equal(length, file.LengthBytes);
        image.Close();
        Images.AssertClean(file);
    }

    [Fact]
    public void PartialTail_IsCutBehindABarrier_BeforeTheFirstAllocation_AndItsJunkIsNeverSeen()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        long end = file.LengthBytes;
        file.Poke(end, Enumerable.Repeat((byte)0xEE, 1000).ToArray());
        QedImage image = Images.Open(file);
        Assert.Equal(end + 1000, file.LengthBytes);

        image.Write(100, new byte[1]);

        Assert.Equal(new byte[Cluster], GuestDisk.Read(image, 0, Cluster));
        StorageOperation[] trace = [.. file.Trace];
        Assert.Equal((StorageOperationKind.SetLength, end), (trace[0].Kind, trace[0].Offset));
        Assert.Equal(StorageOperationKind.Barrier, trace[1].Kind);
        image.Close();
        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(StorageOperationKind.Write)]
    [InlineData(StorageOperationKind.SetLength)]
    [InlineData(StorageOperationKind.Allocate)]
    public void FullVolume_FailsTheWrite_FencesNothing_AndIsForgottenOnceThereIsRoom(StorageOperationKind kind)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        QedImage image = Images.Open(file);
        file.Fail(kind, error: ImageErrorKind.OutOfSpace, isSticky: true);

        long length = 0;
        for (int i = 0; i < 20; i++)
        {
            length = i == 2 ? file.LengthBytes : length;
            ImageException failure = Assert.Throws<ImageException>(() => image.Write(0, ConcurrencyTests.Pattern(Cluster, 1)));
            Assert.Equal(ImageErrorKind.OutOfSpace, failure.Kind);
            Assert.True(failure.IsRetryable);
        }

        // Retrying takes no more room each time.
        Assert.Equal(length, file.LengthBytes);
        file.ClearFaults();
        image.Flush();
        image.Write(0, ConcurrencyTests.Pattern(Cluster, 1));
        image.Write(1024 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 0, Cluster));
        image.Close();
        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound);
    }

    [Fact]
    public void EveryOperation_FailingOnce_LeavesASoundImageWithWhatWasAcknowledged()
    {
        foreach (StorageOperationKind kind in new[] { StorageOperationKind.Read, StorageOperationKind.Write, StorageOperationKind.SetLength, StorageOperationKind.Allocate, StorageOperationKind.Barrier })
        {
            bool hasStruck = true;
            for (int nth = 1; hasStruck; nth++)
            {
                SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
                file.KeepsTrace = false;
                QedImage image = Images.Open(file, pool: new TablePool(3 * 4096));
                StorageFault fault = file.Fail(kind, nth);
                byte[] model = new byte[Size];
                for (int step = 0; step < 12; step++)
                {
                    int offset = step % 4 == 3 ? (1024 + step) * Cluster : step * 3 * Cluster;
                    byte[] data = ConcurrencyTests.Pattern(Cluster, step + 1);
                    Attempt(() =>
                    {
                        image.Write(offset, data);
                        data.CopyTo(model, offset);
                        if (step % 5 == 4)
                        {
                            image.Flush();
                        }
                    });
                }

                bool isFenced = false;
                for (int offset = 0; offset < Size; offset += Cluster)
                {
                    Attempt(() => Assert.Equal(model[offset..(offset + Cluster)], GuestDisk.Read(image, offset, Cluster)));
                }

                Attempt(image.Close, exception => isFenced = exception.Kind == ImageErrorKind.Fenced);
                hasStruck = fault.Hits > 0;
                file.ClearFaults();
                Assert.True(Images.Check(file).IsSound, $"{kind} {nth}");
                using QedImage again = Images.Open(file, readOnly: true);
                Assert.True(isFenced || kind == StorageOperationKind.Barrier || GuestDisk.Read(again, 0, Size).AsSpan().SequenceEqual(model), $"{kind} {nth}: acknowledged writes are lost");
            }
        }

        static void Attempt(Action act, Action<ImageException>? failed = null)
        {
            try
            {
                act();
            }
            catch (ImageException exception) when (exception.Kind is ImageErrorKind.Io or ImageErrorKind.Fenced)
            {
                failed?.Invoke(exception);
            }
        }
    }

    [Fact]
    public void Read_OfAClusterThatTheFileHasLost_IsAnError_NeverZeros()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, ConcurrencyTests.Pattern(2 * Cluster, 1));
        }

        using QedImage image = Images.Open(file, readOnly: true);
        Assert.Equal(ExtentKind.Data, image.Read(0, new byte[Cluster]).Kind);
        using (SimulatedStorage other = file.Open())
        {
            other.SetLength(file.LengthBytes - 100);
        }

        ImageException failure = Assert.Throws<ImageException>(() => image.Read(Cluster, new byte[Cluster]));
        Assert.Equal(ImageErrorKind.Io, failure.Kind);
        Assert.Contains("the file is truncated", failure.Message, StringComparison.Ordinal);
        Assert.Throws<ImageException>(() => SyncIo.Complete(new ValueTask<ReadResult>(image.ReadAsync(Cluster, new byte[Cluster]).AsTask())));
    }

    [Theory]
    [InlineData(4097UL, "no multiple of the cluster size")]
    [InlineData(2UL, "no multiple of the cluster size")]
    [InlineData(0xFFFF_FFFF_FFFF_F000UL, "not inside the file")]
    [InlineData(0UL + Cluster, "inside the L1 table")]
    [InlineData(2UL * Cluster, "inside an L2 table")]
    public void InvalidEntry_FailsItsOwnRange_IsNamed_AndIsWrittenBackAsItWas(ulong entry, string why)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, ConcurrencyTests.Pattern(3 * Cluster, 1));
        }

        // The table is at 2 clusters: its second entry.
        file.Poke((2 * Cluster) + 8, BitConverter.GetBytes(entry));
        using (QedImage image = Images.Open(file))
        {
            foreach (Action request in new Action[] { () => image.Read(Cluster, new byte[10]), () => image.Write(Cluster, new byte[10]), () => image.Map(Cluster, 10), () => image.WriteZeroes(Cluster, 10) })
            {
                ImageException failure = Assert.Throws<ImageException>(request);
                Assert.Equal(ImageErrorKind.Corrupt, failure.Kind);
                Assert.Contains($"disk cluster 1 (at {(2 * Cluster) + 8}) is {entry}", failure.Message, StringComparison.Ordinal);
                Assert.Contains(why, failure.Message, StringComparison.Ordinal);
            }

            Assert.False(image.TryMap(Cluster, 1, out _));
            Assert.Equal(ConcurrencyTests.Pattern(3 * Cluster, 1)[..Cluster], GuestDisk.Read(image, 0, Cluster));
            GuestDisk.Write(image, 7 * Cluster, new byte[Cluster]);
        }

        Assert.Equal(entry, BitConverter.ToUInt64(file.ReadBytes((2 * Cluster) + 8, 8)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void EntryBeyondTheEnd_StaysInvalid_WhenTheFileHasGrownOverIt(int poolPages)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, new byte[Cluster]);
        }

        file.Poke((2 * Cluster) + 8, BitConverter.GetBytes(file.LengthBytes + (5 * Cluster)));
        using QedImage image = Images.Open(file, pool: new TablePool(poolPages * 4096));
        for (int i = 2; i < 20; i++)
        {
            GuestDisk.Write(image, i * Cluster, ConcurrencyTests.Pattern(Cluster, i));
            GuestDisk.Write(image, (1024 + i) * Cluster, ConcurrencyTests.Pattern(Cluster, i));
            image.Flush();
        }

        Assert.Throws<ImageException>(() => image.Read(Cluster, new byte[10]));
        Assert.Throws<ImageException>(() => image.Write(Cluster, new byte[10]));
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 3), GuestDisk.Read(image, 3 * Cluster, Cluster));
    }

    [Fact]
    public void TableThatCannotBeRead_FailsItsRange_AndIsReadAgain()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage made = Images.Open(file))
        {
            made.Write(0, new byte[Cluster]);
            made.Write(1024 * Cluster, new byte[Cluster]);
        }

        using QedImage image = Images.Open(file, readOnly: true);
        file.Fail(new StorageFault { Kind = StorageOperationKind.Read, Where = (offset, _) => offset == 2 * Cluster });
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => image.Read(0, new byte[10])).Kind);
        Assert.Equal(ExtentKind.Data, image.Read(1024 * Cluster, new byte[10]).Kind);
        Assert.Equal(ExtentKind.Data, image.Read(0, new byte[10]).Kind);
    }
}
