using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Random sequences against a byte array, with reopening.</summary>
public sealed class RandomOperationTests(ITestOutputHelper output)
{
    public static TheoryData<int, int, bool, ConsistencyMode> Cases()
    {
        TheoryData<int, int, bool, ConsistencyMode> cases = [];
        foreach ((int cluster, int table) in new[] { (4096, 1), (4096, 2), (4096, 16), (65536, 4) })
        {
            cases.Add(cluster, table, false, ConsistencyMode.Ordered);
            cases.Add(cluster, table, true, ConsistencyMode.Ordered);
        }

        cases.Add(4096, 2, false, ConsistencyMode.Lazy);
        cases.Add(4096, 2, true, ConsistencyMode.Lazy);
        cases.Add(4096, 2, true, ConsistencyMode.WriteThrough);
        cases.Add(4096, 2, true, ConsistencyMode.Unsafe);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operations_InAnyOrder_LeaveWhatAByteArrayHas(int clusterBytes, int tableClusters, bool withParent, ConsistencyMode mode) =>
        Run(clusterBytes, tableClusters, withParent, mode, SimulatedFile.GoodFacts, seed: clusterBytes + tableClusters + (withParent ? 1 : 0));

    [Theory]
    [InlineData(StorageFacts.CanSetLength)]
    [InlineData(StorageFacts.CanSetLength | StorageFacts.CanPunchHoles)]
    [InlineData(StorageFacts.CanSetLength | StorageFacts.NeverWrittenReadsZero)]
    public void Operations_OnAPoorStorage_LeaveWhatAByteArrayHas(StorageFacts facts) =>
        Run(4096, 2, withParent: true, ConsistencyMode.Ordered, facts, seed: (int)facts);

    private void Run(int clusterBytes, int tableClusters, bool withParent, ConsistencyMode mode, StorageFacts facts, int seed)
    {
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        int size = ((clusterBytes * 700) + 512) / 512 * 512;
        byte[] parent = withParent ? new byte[(size / 3) + 1000] : [];
        random.NextBytes(parent);
        byte[] model = new byte[size];
        parent.CopyTo(model, 0);

        SimulatedFile file = Images.Create(size, clusterBytes, tableClusters, withParent, facts);
        file.KeepsTrace = false;
        TablePool pool = new(random.Next(1, 20) * 4096);
        QedImage image = Open();
        for (int step = 0; step < 1500; step++)
        {
            int offset = random.Next(size);
            int length = random.Next(5) switch { 0 => random.Next(1, 100), 1 => clusterBytes, 2 => random.Next(clusterBytes * 20), _ => random.Next(clusterBytes) };
            offset = random.Next(3) == 0 ? offset / clusterBytes * clusterBytes : offset;
            length = Math.Min(length, size - offset);
            switch (random.Next(12))
            {
                case < 5:
                    byte[] data = new byte[length];
                    random.NextBytes(data);
                    data.CopyTo(model, offset);
                    GuestDisk.Write(image, offset, data, parent, random.Next(20) == 0 ? WriteFlags.ForceUnitAccess : WriteFlags.None);
                    break;
                case 5:
                    Array.Clear(model, offset, length);
                    GuestDisk.WriteZeroes(image, offset, length, parent);
                    break;
                case 6:
                    image.Discard(offset, length);
                    byte[] after = GuestDisk.Read(image, offset, length, parent);
                    Assert.All(after.Zip(model.AsSpan(offset, length).ToArray()), pair => Assert.True(pair.First == 0 || pair.First == pair.Second));
                    after.CopyTo(model, offset);
                    break;
                case 7 when random.Next(3) == 0:
                    image.Flush();
                    break;
                case 8 when random.Next(20) == 0:
                    image.Close();
                    Images.AssertClean(file);
                    image = Open();
                    break;
                default:
                    Assert.True(GuestDisk.Read(image, offset, length, parent).AsSpan().SequenceEqual(model.AsSpan(offset, length)), $"step {step}: read of {length} at {offset}");
                    break;
            }
        }

        Assert.True(GuestDisk.Read(image, 0, size, parent).AsSpan().SequenceEqual(model));
        image.Close();
        Images.AssertClean(file);
        Assert.Equal(0, pool.PagesInUse);
        Assert.Equal(0, pool.DirtyPages);
        Assert.Equal(0, file.OpenHandles);
        using QedImage again = Open(readOnly: true);
        Assert.True(GuestDisk.Read(again, 0, size, parent).AsSpan().SequenceEqual(model));

        QedImage Open(bool readOnly = false)
        {
            QedImage opened = Images.Open(file, mode, pool, readOnly: readOnly);
            opened.SetBeneath(withParent ? Beneath.UpTo(parent.Length) : Beneath.Nothing);
            return opened;
        }
    }
}
