using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Every operation of an open image, and its opening, with a fault at each storage operation in turn; see <see cref="FaultLoop"/>.</summary>
public sealed class FaultLoopTests
{
    private const int Cluster = 4096;
    // Small, because every byte is looked at many thousand times; a table that is new is therefore the first one.
    private const int Size = (16 * Cluster) + 1536;

    private static readonly QedBackend s_backend = new();

    public static TheoryData<string, ConsistencyMode, bool> Requests
    {
        get
        {
            TheoryData<string, ConsistencyMode, bool> data = [];
            foreach (string request in new[] { "in place", "allocate", "new table", "part", "zero", "discard", "flush", "close" })
            {
                data.Add(request, ConsistencyMode.Ordered, request is "part" or "zero" or "flush");
            }

            data.Add("in place", ConsistencyMode.WriteThrough, false);
            data.Add("allocate", ConsistencyMode.WriteThrough, true);
            data.Add("allocate", ConsistencyMode.Lazy, true);
            data.Add("zero", ConsistencyMode.Lazy, true);
            data.Add("flush", ConsistencyMode.Ordered, false);
            data.Add("close", ConsistencyMode.Lazy, true);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_WithAFaultAtEachOfItsOperations_IsOldOrNew_AndCanBeTriedAgain(string request, ConsistencyMode mode, bool withParent)
    {
        FaultScenario scenario = Scenario(request, mode, withParent);

        int struck = await FaultLoop.RunAsync(scenario);

        TestContext.Current.TestOutputHelper?.WriteLine($"{struck} faults");
        Assert.NotEqual(0, struck);
    }

    [Theory]
    [InlineData(ConsistencyMode.Ordered)]
    [InlineData(ConsistencyMode.Lazy)]
    public async Task BecomingReadOnly_AndWritableAgain_WithAFaultAtEachOfItsOperations_LeavesItUsable(ConsistencyMode mode)
    {
        FaultScenario write = Scenario("allocate", mode, withParent: false);

        int struck = await FaultLoop.RunAsync(write with
        {
            Name = $"read-only and back, {mode}",
            Prepare = write.Act,
            FlushesBefore = false,
            Durable = write.Before,
            Before = write.After!,
            IsDurableWhenDone = true,
            Act = async image =>
            {
                await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly);
                await image.SetOpenFlagsAsync(ImageOpenFlags.None);
            },
        });

        Assert.InRange(struck, 10, int.MaxValue);
    }

    /// <summary>
    /// Opening an image that is marked, and has unknown autoclear bits. What it writes is one sector; a header that was half-way out, or whose barrier
    /// failed, is the old or the new one, and everything else is as it was.
    /// </summary>
    [Fact]
    public async Task OpeningAFlaggedImage_WithAFaultAtEachOfItsOperations_LeavesTheOldHeaderOrTheNew()
    {
        FaultScenario closed = Scenario("in place", ConsistencyMode.Ordered, withParent: false);
        SimulatedFile file = closed.File.Copy();
        byte[] header = file.ReadBytes(0, 64);
        byte[] marked = (byte[])header.Clone();
        marked[16] = 2;
        marked[32] = 1;
        file.Poke(0, marked);
        file = file.Copy();
        string rest = Convert.ToHexString(file.ReadBytes(64, (int)file.LengthBytes - 64));

        int struck = await FaultLoop.RunAsync(closed with
        {
            Name = "open",
            File = file,
            Act = null,
            After = null,
            ActOnFile = async target =>
            {
                SimulatedStorage storage = target.Open();
                try
                {
                    await using IDiskImage image = await s_backend.OpenAsync(storage, new ImageOpenOptions { Time = new FakeTime() });
                }
                finally
                {
                    await storage.DisposeAsync();
                    byte[] now = target.ReadBytes(0, 64);
                    Assert.True(now.AsSpan().SequenceEqual(header) || now.AsSpan().SequenceEqual(marked), Convert.ToHexString(now));
                    Assert.Equal(rest, Convert.ToHexString(target.ReadBytes(64, (int)target.LengthBytes - 64)));
                }
            },
        });

        Assert.InRange(struck, 10, int.MaxValue);
    }

    /// <summary>
    /// While an image was read-only, another program may have used the clusters that a failed write had given back: they are nobody's to hand out then.
    /// </summary>
    [Fact]
    public async Task BecomingWritable_HandsOutNothingThatItRemembersFromBefore()
    {
        // Header, L1, a table, one cluster; two clusters given back; a table behind them, whose data takes the first of the two.
        SimulatedFile file = Images.Create(600 * Cluster, Cluster, 1);
        await using (QedImage image = Images.Open(file))
        {
            image.Write(0, new byte[Cluster]);
            file.Fail(StorageOperationKind.Write);
            Assert.Throws<ImageException>(() => image.Write(Cluster, new byte[2 * Cluster]));
            image.Write(520 * Cluster, new byte[Cluster]);
            Assert.Equal(4 * Cluster, image.Map(520 * Cluster, Cluster).StorageOffset);
            await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly);
            Assert.Equal(7 * Cluster, file.LengthBytes);

            // What another program does: one more cluster, in the gap.
            file.Poke(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
            file.Poke((2 * Cluster) + (10 * 8), BitConverter.GetBytes(5L * Cluster));
            await image.SetOpenFlagsAsync(ImageOpenFlags.None);
            image.Write(12 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 10 * Cluster, Cluster));
        }

        Assert.True(Images.Check(file).IsSound);
    }

    internal static FaultScenario Scenario(string request, ConsistencyMode mode, bool withParent)
    {
        byte[]? parent = withParent ? ConcurrencyTests.Pattern(Size - (2 * Cluster), 77) : null;
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent);
        byte[] start = new byte[Size];
        parent?.CopyTo(start, 0);
        if (request != "new table")
        {
            using QedImage image = Images.Open(file);
            Put(image, start, 2, 3, 1, parent);
            GuestDisk.WriteZeroes(image, 8 * Cluster, Cluster, parent);
            Array.Clear(start, 8 * Cluster, Cluster);
        }

        byte[] after = (byte[])start.Clone();
        FaultScenario scenario = new()
        {
            Name = $"{request}, {mode}, {(withParent ? "over a parent" : "alone")}",
            Backend = s_backend,
            File = file.Copy(),
            Options = new ImageOpenOptions { Mode = mode },
            Parent = parent,
            Before = start,
            After = after,
            IsDurableWhenDone = mode == ConsistencyMode.WriteThrough,
        };
        (int offset, int length) = request switch
        {
            "in place" => ((2 * Cluster) + 100, (2 * Cluster) + 1000),
            "allocate" => (5 * Cluster, 2 * Cluster),
            "new table" => (15 * Cluster, Cluster + 1536),
            "part" => ((4 * Cluster) + 700, 6 * Cluster),
            "zero" => (Cluster, 9 * Cluster),
            "discard" => (2 * Cluster, 3 * Cluster),
            _ => (3 * Cluster, 4 * Cluster),
        };
        byte[] data = request is "zero" or "discard" ? new byte[length] : ConcurrencyTests.Pattern(length, 5);
        data.CopyTo(after, offset);
        ValueTask Write(IDiskImage image)
        {
            GuestDisk.Write(image, offset, data, parent);
            return default;
        }

        return request switch
        {
            "zero" => scenario with { Act = image => Run(() => GuestDisk.WriteZeroes(image, offset, length, parent)) },
            "discard" => scenario with { Act = image => Run(() => image.Discard(offset, length)) },
            "flush" => scenario with { Prepare = Write, FlushesBefore = false, Act = image => image.FlushAsync(), Before = after, Durable = start, IsDurableWhenDone = true },
            "close" => scenario with { Prepare = Write, FlushesBefore = false, Act = image => image.CloseAsync(), Closes = true, Before = after, Durable = start, IsDurableWhenDone = true },
            _ => scenario with { Act = Write },
        };
    }

    private static void Put(QedImage image, byte[] model, int cluster, int count, int seed, byte[]? parent)
    {
        byte[] data = ConcurrencyTests.Pattern(count * Cluster, seed);
        data.CopyTo(model, cluster * Cluster);
        GuestDisk.Write(image, cluster * Cluster, data, parent);
    }

    private static ValueTask Run(Action act)
    {
        act();
        return default;
    }
}
