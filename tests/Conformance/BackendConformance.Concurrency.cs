using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Many at once.</content>
public abstract partial class BackendConformance
{
    private const int Workers = 8;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManyWriters_InTheSameFreeBlocks_LoseNothing(bool completesInline)
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile file = NewFile();
        file.CompletesInline = completesInline;
        byte[] expected;
        using (IDiskImage image = Open(file))
        {
            long unit = Units(image, 1);
            expected = Pattern(0, image.VirtualSizeBytes);
            long slots = image.VirtualSizeBytes / unit;
            int next = -1;
            expected.AsSpan((int)(slots * unit)).Clear();

            // Neighbouring slots go to different workers, so that they meet in the same free blocks all the time.
            await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
            {
                ReferenceDisk disk = Disk(image, isAsync: worker % 2 == 1);
                var random = new Random(worker);
                for (long slot = Interlocked.Increment(ref next); slot < slots; slot = Interlocked.Increment(ref next))
                {
                    await disk.WriteAsync(slot * unit, expected.AsMemory((int)(slot * unit), (int)unit));
                    AssertSame(expected.AsMemory((int)(slot * unit), (int)unit), await disk.ReadAsync(slot * unit, (int)unit), $"slot {slot} just written");
                    if (random.Next(200) == 0)
                    {
                        await new ImageIo(worker % 2 == 1).FlushAsync(image);
                    }
                }
            })));
            AssertSame(expected, await Disk(image).ReadAllAsync(), "afterwards");
        }

        using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
        AssertSame(expected, await Disk(again).ReadAllAsync(), "after reopening");
    }

    [Fact]
    public async Task MixedRequests_InRangesOfTheirOwn_DoNotMeet()
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(NewFile());
        long unit = Units(image, 1);
        int rangeBytes = (int)(image.VirtualSizeBytes / Workers / unit * unit);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            var random = new Random(100 + worker);
            ReferenceDisk disk = Disk(image, isAsync: worker % 2 == 1);
            byte[] model = new byte[rangeBytes];
            for (int step = 0; step < 150; step++)
            {
                int length = (int)(random.Next(1, 40) * unit);
                int offset = (int)(random.NextInt64((rangeBytes - length) / unit) * unit);
                long place = ((long)worker * rangeBytes) + offset;
                switch (random.Next(5))
                {
                    case 0:
                        await disk.WriteZeroesAsync(place, length);
                        model.AsSpan(offset, length).Clear();
                        break;
                    case 1:
                        AssertSame(model.AsMemory(offset, length), await disk.ReadAsync(place, length), $"worker {worker}, step {step}");
                        break;
                    case 2:
                        image.TryMap(place, length, out _);
                        await image.MapAsync(place, length);
                        break;
                    default:
                        byte[] data = Pattern(random.Next(), length);
                        await disk.WriteAsync(place, data);
                        data.CopyTo(model, offset);
                        break;
                }
            }

            AssertSame(model, await disk.ReadAsync((long)worker * rangeBytes, rangeBytes), $"worker {worker} at its end");
        })));
    }

    [Fact]
    public async Task Readers_SeeOldBytesOrNewOnes_WhileABlockIsWritten()
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(NewFile());
        int unit = (int)Units(image, 1);
        int length = (int)Math.Min(image.VirtualSizeBytes, Math.Max(image.Limits.BlockBytes, 8 * unit));
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 3).Select(reader => Task.Run(async () =>
        {
            ReferenceDisk disk = Disk(image, isAsync: reader == 1);
            while (!stop.IsCancellationRequested)
            {
                byte[] bytes = await disk.ReadAsync(0, length);
                Assert.True(bytes.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)40) < 0, "bytes that nobody wrote");
                await Task.Yield();
            }
        }))];
        for (byte value = 1; value <= 40; value++)
        {
            byte[] data = new byte[length];
            data.AsSpan().Fill(value);
            await Disk(image, isAsync: value % 2 == 0).WriteAsync(0, data);
            if (value % 5 == 0)
            {
                await Disk(image).WriteZeroesAsync(unit, length - unit);
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }
}
