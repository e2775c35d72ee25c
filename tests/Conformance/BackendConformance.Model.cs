using System.Diagnostics;
using QedVd.Conformance.Model;
using QedVd.TestKit;
using Xunit;
using Xunit.Sdk;

namespace QedVd.Conformance;

/// <content>Random sequences of requests against a byte array.</content>
public abstract partial class BackendConformance
{
    private const string ModelSearch = "conformance";

    /// <summary>How long the search with the model goes on in a usual run. <c>./test --long conformance --minutes N</c> searches longer.</summary>
    protected virtual TimeSpan ModelBudget => TimeSpan.FromSeconds(1);

    [Theory]
    [Trait("Long", ModelSearch)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RandomRequests_AgreeWithAByteArray(bool withParent)
    {
        if (!CanWrite || (withParent && !CanHaveParent))
        {
            return;
        }

        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        TimeSpan budget = LongRun.Budget(ModelSearch, ModelBudget);
        var clock = Stopwatch.StartNew();
        for (int round = 0; round == 0 || clock.Elapsed < budget; round++)
        {
            var random = new Random(unchecked((int)(seed ^ (seed >> 32)) + (round * 7919)));
            long parentBytes = withParent ? random.Next(4) switch { 0 => 0, 1 => DiskBytes, 2 => random.NextInt64(DiskBytes), _ => DiskBytes + random.NextInt64(200_000) } : -1;
            ModelStep[] steps;
            using (IDiskImage image = Open(NewFile(withParent)))
            {
                steps = ModelStep.Sequence(random, random.Next(10, 120), image.VirtualSizeBytes, image.Limits);
            }

            if (await FailureAsync(steps, parentBytes) is null)
            {
                continue;
            }

            ModelStep[] shortest = await Shrinker.ShrinkAsync(steps, async candidate => await FailureAsync(candidate, parentBytes) is not null);
            Exception? failure = await FailureAsync(shortest, parentBytes) ?? await FailureAsync(steps, parentBytes);
            Assert.Fail($"seed {seed}, round {round}, parent of {parentBytes} bytes, after {shortest.Length} of {steps.Length} steps:\n{string.Join('\n', shortest.Select(step => step.ToString()))}\n{failure}");
        }
    }

    private async Task<Exception?> FailureAsync(ModelStep[] steps, long parentBytes)
    {
        try
        {
            await RunAsync(steps, parentBytes);
            return null;
        }
        catch (Exception exception) when (exception is XunitException or ImageException or ArgumentException or InvalidOperationException or NullReferenceException or IndexOutOfRangeException or ObjectDisposedException or NotImplementedException)
        {
            return exception;
        }
    }

    private async Task RunAsync(ModelStep[] steps, long parentBytes)
    {
        SimulatedFile file = NewFile(withParent: parentBytes >= 0);
        byte[] parent = Pattern(9, Math.Max(0, parentBytes));
        IDiskImage image = OpenOver(file, parentBytes);
        try
        {
            byte[] model = new byte[image.VirtualSizeBytes];
            parent.AsSpan(0, Math.Min(parent.Length, model.Length)).CopyTo(model);
            foreach (ModelStep step in steps)
            {
                ReferenceDisk disk = Disk(image, step.IsAsync, parent);
                Memory<byte> range = model.AsMemory((int)step.Offset, step.LengthBytes);
                switch (step.Kind)
                {
                    case ModelStepKind.Write:
                        byte[] data = Pattern(step.Seed % 1000, step.LengthBytes);
                        await disk.WriteAsync(step.Offset, data, step.Flags);
                        data.CopyTo(range);
                        break;
                    case ModelStepKind.WriteZeroes:
                        await disk.WriteZeroesAsync(step.Offset, step.LengthBytes, step.Flags);
                        range.Span.Clear();
                        break;
                    case ModelStepKind.Discard:
                        await disk.DiscardAsync(step.Offset, step.LengthBytes);
                        // What was discarded may be as before or zero; what it is, it stays.
                        byte[] now = await disk.ReadAsync(step.Offset, step.LengthBytes);
                        AssertOneOf(now, range, new byte[now.Length], step.ToString());
                        now.CopyTo(range);
                        break;
                    case ModelStepKind.Read:
                        AssertSame(range, await disk.ReadAsync(step.Offset, step.LengthBytes), step.ToString());
                        break;
                    case ModelStepKind.Map:
                        Extent extent = await new ImageIo(step.IsAsync).MapAsync(image, step.Offset, step.LengthBytes);
                        Assert.InRange(extent.LengthBytes, 1, step.LengthBytes);
                        Assert.True(extent.Kind != ExtentKind.Zero || !range.Span[..(int)extent.LengthBytes].ContainsAnyExcept((byte)0), $"{step}: {extent}");
                        break;
                    case ModelStepKind.Flush:
                        await new ImageIo(step.IsAsync).FlushAsync(image);
                        break;
                    case ModelStepKind.Reopen:
                        await new ImageIo(step.IsAsync).CloseAsync(image);
                        image = OpenOver(file, parentBytes);
                        break;
                    default:
                        throw new UnreachableException();
                }
            }

            AssertSame(model, await Disk(image, isAsync: false, parent).ReadAllAsync(), "at the end");
            image.Close();
            image = OpenOver(file, parentBytes);
            AssertSame(model, await Disk(image, isAsync: true, parent).ReadAllAsync(), "at the end, after reopening");
        }
        finally
        {
            image.Dispose();
        }

        if (Backend.Info.Capabilities.HasFlag(ImageCapabilities.Check))
        {
            using SimulatedStorage storage = file.Open();
            CheckReport report = await Backend.CheckAsync(storage, new CheckOptions());
            Assert.True(report.IsClean, string.Join('\n', report.Findings));
        }
    }

    private IDiskImage OpenOver(SimulatedFile file, long parentBytes)
    {
        IDiskImage image = Open(file, ImageOpenFlags.Discard);
        image.SetBeneath(parentBytes < 0 ? Beneath.Nothing : Beneath.UpTo(parentBytes));
        return image;
    }
}
