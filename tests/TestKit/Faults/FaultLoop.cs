using Xunit;

namespace QedVd.TestKit;

/// <summary>
/// Runs a scenario again and again, with a fault at its 1st, 2nd, 3rd ... storage operation until none strikes any more, in every way of
/// <see cref="FaultVariant.All"/>, and each way once, sticky, and once with a power cut behind it. What must hold each time: an
/// <see cref="ImageException"/> or a truthful success; each sector old or new, in memory, in the file and after a crash; the image sound; memory and
/// file agree once a flush succeeds; what failed once can be tried again, unless it was a barrier, which fences; a failure names the file; nothing stays
/// open or pinned.
/// </summary>
/// <example><code>
/// await FaultLoop.RunAsync(new FaultScenario { Name = "resize", Backend = backend, File = file, Before = bytes, After = longer,
///     Act = image => image.ResizeAsync(longer.Length, mayShrink: false), IsDurableWhenDone = true });
/// </code></example>
public sealed class FaultLoop
{
    private const int PoolPages = 64;
    private const int MostOperations = 2000;
    private const int MostCrashStates = 10;

    private readonly FaultScenario _scenario;
    private readonly FaultVariant _variant;
    private readonly FaultMode _mode;
    private readonly int _nth;
    private readonly TablePool _pool = new(PoolPages * TablePage.SizeBytes);
    private readonly SimulatedFile _file;
    private readonly Dictionary<StorageOperationKind, int> _made = [];
    private StorageFault _fault = new() { Kind = StorageOperationKind.Mark };

    private FaultLoop(FaultScenario scenario, FaultVariant variant, FaultMode mode, int nth)
    {
        (_scenario, _variant, _mode, _nth) = (scenario, variant, mode, nth);
        _file = scenario.File.Copy();
    }

    private enum FaultMode
    {
        Once,
        Sticky,
        ThenCrash,
    }

    private string What => $"{_scenario.Name}: {_variant.Name} {_nth}, {_mode}: ";

    /// <summary>Runs all faults; returns how many struck.</summary>
    public static async Task<int> RunAsync(FaultScenario scenario)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        var undisturbed = new FaultLoop(scenario, FaultVariant.All[0], FaultMode.Once, int.MaxValue);
        await undisturbed.RunOnceAsync();
        int struck = 0;
        foreach (FaultVariant variant in FaultVariant.All)
        {
            foreach (FaultMode mode in Enum.GetValues<FaultMode>())
            {
                int nth = 1;
                while (await new FaultLoop(scenario, variant, mode, nth).RunOnceAsync())
                {
                    struck++;
                    nth++;
                    Assert.True(nth <= MostOperations, $"{scenario.Name}: {variant.Name}: no end of faults");
                }

                // Of each kind of operations that it makes some have failed, in each way: no cell is empty. Not as many as this time, because barriers join each other.
                Assert.True(nth > 1 || undisturbed._made.GetValueOrDefault(variant.Kind) == 0, $"{scenario.Name}: {variant.Name}, {mode}: struck nothing");
            }
        }

        return struck;
    }

    /// <summary>One run; false when the fault did not strike.</summary>
    private async Task<bool> RunOnceAsync()
    {
        IDiskImage? image = null;
        if (_scenario.Act is not null)
        {
            image = await OpenAsync(_file, readOnly: false);
            if (_scenario.Prepare is not null)
            {
                await _scenario.Prepare(image);
            }

            if (_scenario.FlushesBefore)
            {
                await image.FlushAsync();
            }
        }

        Assert.True(image is null || _scenario.IsAsBefore?.Invoke(image) != false, $"{What}not as before to begin with");
        StorageFault[] counters = _nth < int.MaxValue ? [] : [.. Enum.GetValues<StorageOperationKind>().Select(kind => _file.Fail(new StorageFault { Kind = kind, Nth = int.MaxValue }))];
        _fault = _file.Fail(_variant.At(_nth, _mode == FaultMode.Sticky));
        ImageException? failure = await TryAsync(() => ActAsync(image));

        // Not before: what an image does in the background is part of it.
        _file.ClearFaults();
        foreach (StorageFault counter in counters)
        {
            _made[counter.Kind] = counter.Seen;
        }

        bool hasStruck = _fault.Hits > 0;
        Assert.True(hasStruck || failure is null, $"{What}failed without a fault: {failure}");
        Assert.True(failure?.Message.Contains(_file.Name, StringComparison.Ordinal) != false, $"{What}the message does not name the file '{_file.Name}': {failure?.Message}");
        if (_mode == FaultMode.ThenCrash && hasStruck && _scenario.MayCrash)
        {
            await CheckCrashesAsync(failure is null);
        }

        if (image is not null && !_scenario.Closes)
        {
            await GoOnAsync(image, failure, hasStruck);
        }
        else
        {
            await StartOverAsync(image, failure, hasStruck);
        }

        Assert.True(_file.OpenHandles == 0, $"{What}{_file.OpenHandles} storages are still open");
        Assert.True((_pool.PagesInUse, _pool.DirtyPages) == (0, 0), $"{What}{_pool.PagesInUse} pages in use, {_pool.DirtyPages} dirty");
        return hasStruck;
    }

    /// <summary>The image is open: look at it, try again, flush, close, open again.</summary>
    private async Task GoOnAsync(IDiskImage image, ImageException? failure, bool hasStruck)
    {
        bool isFenced = hasStruck && _variant.Kind == StorageOperationKind.Barrier;
        await CheckMemoryAsync(image, failure is null);
        if (isFenced)
        {
            await CheckFencedAsync(image);
            return;
        }

        if (_mode == FaultMode.Sticky && hasStruck)
        {
            // As long as it goes on a flush may fail, and loses nothing.
            _file.Fail(_variant.At(1, isSticky: true));
            await TryAsync(() => image.FlushAsync());
            _file.ClearFaults();
        }

        if (failure is not null)
        {
            failure = await TryAsync(() => ActAsync(image));
            if (_scenario.FencesInDoubt && failure?.Kind == ImageErrorKind.Fenced && (_mode, _variant.Kind) == (FaultMode.Sticky, StorageOperationKind.Write))
            {
                await CheckFencedAsync(image);
                return;
            }

            Assert.True(failure is null, $"{What}failed again, when it was tried once more: {failure}");
            await CheckMemoryAsync(image, isDone: true);
        }

        await image.FlushAsync();
        await CheckFileAsync(_file.Copy(), isDone: true);
        await image.CloseAsync();
        await CheckFileAsync(_file.Copy(), isDone: true);
    }

    /// <summary>The operation had no open image, or closed it: what is in the file counts, and it can be opened and done again.</summary>
    private async Task StartOverAsync(IDiskImage? image, ImageException? failure, bool hasStruck)
    {
        if (image is not null)
        {
            await TryAsync(() => image.CloseAsync());
        }

        await CheckFileAsync(_file.Copy(), failure is null);
        if (failure is not null && hasStruck && image is null)
        {
            ImageException? again = await TryAsync(() => _scenario.ActOnFile!(_file));
            Assert.True(again is null, $"{What}failed again, when it was tried once more: {again}");
            await CheckFileAsync(_file.Copy(), isDone: true);
        }
    }

    private async Task CheckFencedAsync(IDiskImage image)
    {
        foreach (Func<ValueTask> change in new Func<ValueTask>[] { () => image.FlushAsync(), async () => await image.WriteAsync(0, new byte[image.Limits.BlockBytes]) })
        {
            ImageException? refusal = image.IsReadOnly ? null : await TryAsync(change);
            Assert.True(image.IsReadOnly || refusal?.Kind == ImageErrorKind.Fenced, $"{What}a barrier failed, and writing goes on: {refusal}");
        }

        await CheckMemoryAsync(image, isDone: false);
        await TryAsync(() => image.CloseAsync());
        await CheckFileAsync(_file.Copy(), isDone: false);
    }

    private async Task CheckMemoryAsync(IDiskImage image, bool isDone)
    {
        byte[] now = await ReadAsync(image);
        byte[] after = _scenario.After ?? _scenario.Before;
        if (isDone)
        {
            AssertBytes(now, "the open image", after);
            Assert.True(_scenario.IsAsAfter?.Invoke(image) != false, $"{What}succeeded, and is not as it should be after that");
        }
        else
        {
            AssertBytes(now, "the open image", _scenario.Before, after);
            AssertEither(image, "the open image");
        }
    }

    private async Task CheckFileAsync(SimulatedFile file, bool isDone)
    {
        if (_scenario.CheckFile is not null)
        {
            await LookAsync(file, isDone, "the file");
            return;
        }

        await CheckSoundAsync(file, "the file");
        await using IDiskImage image = await OpenAsync(file, readOnly: true);
        byte[] now = await ReadAsync(image);
        byte[] after = _scenario.After ?? _scenario.Before;
        if (isDone)
        {
            AssertBytes(now, "the file", after);
            Assert.True(_scenario.IsAsAfter?.Invoke(image) != false, $"{What}succeeded, and the file is not as it should be after that");
        }
        else
        {
            AssertBytes(now, "the file", _scenario.Before, after, _scenario.Durable ?? after);
            AssertEither(image, "the file");
        }
    }

    private async Task CheckCrashesAsync(bool isDone)
    {
        byte[] after = _scenario.After ?? _scenario.Before;
        PowerLossOptions few = new() { ExhaustiveUnits = 3, Samples = 4, Seed = _nth };
        foreach (CrashState state in CrashStates.OfPowerLoss(_file, _file.Trace.Count, few).Take(MostCrashStates))
        {
            if (_scenario.CheckFile is not null)
            {
                await LookAsync(state.File, isDone && _scenario.IsDurableWhenDone, state.Description);
                continue;
            }

            await CheckSoundAsync(state.File, state.Description);
            await using IDiskImage image = await OpenAsync(state.File, readOnly: true);
            byte[] now = await ReadAsync(image);
            if (isDone && _scenario.IsDurableWhenDone)
            {
                AssertBytes(now, state.Description, after);
            }
            else
            {
                AssertBytes(now, state.Description, _scenario.Before, after, _scenario.Durable ?? after);
            }

            AssertEither(image, state.Description);
        }
    }

    private async Task LookAsync(SimulatedFile file, bool isDone, string where)
    {
        try
        {
            await _scenario.CheckFile!(file, isDone);
        }
        catch (Exception exception)
        {
            Assert.Fail($"{What}{where}, {(isDone ? "" : "not ")}done: {exception.Message}");
        }
    }

    private async Task CheckSoundAsync(SimulatedFile file, string where)
    {
        using SimulatedStorage storage = file.Open(readOnly: true);
        CheckReport report = await _scenario.Backend.CheckAsync(storage, new CheckOptions());
        Assert.True(report.IsSound, $"{What}{where}: {string.Join("; ", report.Findings)}");
    }

    private void AssertEither(IDiskImage image, string where)
    {
        bool either = (_scenario.IsAsBefore is null && _scenario.IsAsAfter is null)
            || _scenario.IsAsBefore?.Invoke(image) == true || _scenario.IsAsAfter?.Invoke(image) == true;
        Assert.True(either, $"{What}{where} is neither as before nor as after");
    }

    /// <summary>Each byte is one of those that it may be. What a disk does not have that was or will be shorter, it says nothing about.</summary>
    private void AssertBytes(byte[] now, string where, params byte[][] allowed)
    {
        if (allowed.Any(one => now.AsSpan().SequenceEqual(one.AsSpan(0, Math.Min(one.Length, _scenario.ComparedBytes)))))
        {
            return;
        }

        for (int start = 0; start < now.Length; start += SparseBytes.SectorBytes)
        {
            int count = Math.Min(SparseBytes.SectorBytes, now.Length - start);
            if (!allowed.Any(one => one.Length >= start + count && one.AsSpan(start, count).SequenceEqual(now.AsSpan(start, count))))
            {
                AssertEachByte(now, start, count, where, allowed);
            }
        }
    }

    private void AssertEachByte(byte[] now, int start, int count, string where, byte[][] allowed)
    {
        for (int i = start; i < start + count; i++)
        {
            bool isAllowed = allowed.Length > 1 && i >= _scenario.ZerosAreFine && now[i] == 0;
            foreach (byte[] one in allowed)
            {
                isAllowed |= i < one.Length ? one[i] == now[i] : allowed.Length > 1;
            }

            if (!isAllowed)
            {
                Assert.Fail($"{What}{where}: byte {i} of the disk is 0x{now[i]:x2}; it may be {string.Join(", ", allowed.Select(one => i < one.Length ? $"0x{one[i]:x2}" : "none"))}");
            }
        }
    }

    private ValueTask ActAsync(IDiskImage? image) => image is null ? _scenario.ActOnFile!(_file) : _scenario.Act!(image);

    private async ValueTask<IDiskImage> OpenAsync(SimulatedFile file, bool readOnly)
    {
        ImageOpenFlags flags = _scenario.Options.Flags | (readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None);
        IDiskImage image = await _scenario.Backend.OpenAsync(file.Open(readOnly), _scenario.Options with { Flags = flags, Tables = readOnly ? null : _pool, Time = new FakeTime() });
        if (_scenario.Parent is not null)
        {
            await image.SetBeneathAsync(Beneath.UpTo(_scenario.Parent.Length));
        }

        return image;
    }

    private async ValueTask<byte[]> ReadAsync(IDiskImage image)
    {
        byte[] bytes = new byte[Math.Min(image.VirtualSizeBytes, _scenario.ComparedBytes)];
        for (int done = 0; done < bytes.Length;)
        {
            ReadResult read = await image.ReadAsync(done, bytes.AsMemory(done));
            if (read.Kind != ExtentKind.Data)
            {
                bytes.AsSpan(done, read.Length).Clear();
            }

            if (read.Kind == ExtentKind.Free && _scenario.Parent is { } parent && done < parent.Length)
            {
                parent.AsSpan(done, Math.Min(read.Length, parent.Length - done)).CopyTo(bytes.AsSpan(done));
            }

            done += read.Length;
        }

        return bytes;
    }

    private static async Task<ImageException?> TryAsync(Func<ValueTask> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (ImageException exception)
        {
            return exception;
        }
    }
}
