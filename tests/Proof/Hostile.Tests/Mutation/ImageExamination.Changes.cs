using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <content>What changes the image: each on a copy of its own.</content>
internal sealed partial class ImageExamination
{
    private const int ZeroEach = 4;
    private const long LargestToDoubleBytes = 1L << 45;
    private const int LongestParentBytes = 1 << 20;
    private const int DryRunEach = 4;

    /// <summary>From this number on what is done begins anew, but for the place that is written.</summary>
    public const int Variants = 16;

    /// <summary>
    /// Opened for writing it is refused and stays as it is, or what is written to a place that was free changes that place and no other one.
    /// </summary>
    private async Task WriteAsync(DiskReading reading, CheckReport found, int number)
    {
        SimulatedFile file = _file.Copy();
        file.KeepsTrace = false;
        int changes = file.CountOfChanges();
        HashSet<long> tables = TableClusters();
        PlainQed before = PlainOf(_file);
        BudgetStorage storage = new(file, _budget);
        IDiskImage image;
        try
        {
            image = s_backend.Open(storage, Options(ImageOpenFlags.None));
        }
        catch (ImageException exception)
        {
            RequireOneLine(exception.Message);
            Settle(storage);
            storage.Dispose();
            _signature.Append("refused").Append(exception.Kind);
            Require(exception.Kind == ImageErrorKind.Corrupt && !found.IsSound, () => $"refused for writing, although the check finds no damage: {exception.Message}");
            Require(file.CountOfChanges() == changes, () => "an opening for writing that was refused has changed the file");
            return;
        }

        Require(!image.Flags.HasFlag(ImageFlags.NeedsCheck), () => "open for writing with the mark of a due check");
        bool MayDiffer(long place, ClusterAnswer mine, ClusterAnswer theirs) => mine.Kind == ClusterAnswerKind.Failed || IsInTable(before, place, tables);
        RequireSame(reading, DiskReading.Of(image, _places, _buffer), MayDiffer, "opened for writing");

        long target = Target(before, number);
        bool isZeroed = number % ZeroEach == 1;
        bool isWritten = target >= 0 && TryWrite(image, target, isZeroed);
        if (isWritten)
        {
            Written++;
        }

        bool MayDifferAfterwards(long place, ClusterAnswer mine, ClusterAnswer theirs) => place == target || MayDiffer(place, mine, theirs);
        RequireSame(reading, DiskReading.Of(image, _places, _buffer), MayDifferAfterwards, $"after a write to cluster {target}");
        long sizeBytes = image.VirtualSizeBytes;
        if (found.IsSound)
        {
            Measure();
            await ChangeAsWholeAsync(image, number).ConfigureAwait(false);
            Measure();
        }

        // The last block of the smaller size is not all of the disk, or was not.
        long smaller = Math.Min(sizeBytes, image.VirtualSizeBytes);
        long[] places = [.. _places.TakeWhile(place => place < smaller / image.Limits.BlockBytes || smaller == sizeBytes && sizeBytes == image.VirtualSizeBytes)];
        isWritten &= target < smaller / image.Limits.BlockBytes || sizeBytes == image.VirtualSizeBytes;
        sizeBytes = image.VirtualSizeBytes;
        RequireSame(reading, DiskReading.Of(image, places, _buffer), MayDifferAfterwards, "after a change of all of it");
        image.Close();
        Settle(storage);
        using BudgetStorage again = new(file, _budget);
        using IDiskImage reopened = s_backend.Open(again, Options(ImageOpenFlags.ReadOnly));
        Require(reopened.VirtualSizeBytes == sizeBytes, () => $"a disk of {reopened.VirtualSizeBytes} bytes, before it was closed of {sizeBytes}");
        RequireSame(reading, DiskReading.Of(reopened, places, _buffer), MayDifferAfterwards, $"opened again after a write to cluster {target}");
        if (isWritten)
        {
            Span<byte> read = _buffer.AsSpan(0, LengthToWrite(reopened, target));
            ReadResult result = reopened.Read(target * reopened.Limits.BlockBytes, read);
            bool isThere = isZeroed
                ? result.Kind == ExtentKind.Zero || (result.Kind == ExtentKind.Free && reopened.Parent is null)
                : result.Kind == ExtentKind.Data && result.Length == read.Length && !read.ContainsAnyExcept((byte)0xA7);
            Require(isThere, () => $"what was written to cluster {target} is not there: {result}");
        }

        Settle(again);
        if (found.IsSound)
        {
            CheckReport now = await CheckAsync(file, new CheckOptions()).ConfigureAwait(false);
            Require(now.IsSound, () => $"sound before the write, damaged after it: {string.Join("; ", now.Findings)}");
        }
    }

    /// <summary>Compacts, grows by a little or to the double (beyond what the tables reach, too), or shrinks, each now and then.</summary>
    private async Task ChangeAsWholeAsync(IDiskImage image, int number)
    {
        long size = image.VirtualSizeBytes;
        long to = (number % Variants) switch
        {
            3 => size + (image.Limits.BlockBytes * (1L + (number % 5))),
            11 when size <= LargestToDoubleBytes => size * 2,
            13 => size / 1024 * 512,
            _ => size,
        };
        if (number % (Variants / 2) == 0)
        {
            await image.CompactAsync(new CompactOptions()).ConfigureAwait(false);
        }
        else if (to != size && to > 0)
        {
            if (image.Parent is not null)
            {
                image.SetBeneath(Beneath.UpTo(LongestParentBytes));
            }

            try
            {
                await image.ResizeAsync(to, mayShrink: true).ConfigureAwait(false);
                Require(image.VirtualSizeBytes == to, () => $"resized to {to}, and has {image.VirtualSizeBytes} bytes");
            }
            catch (ImageException exception)
            {
                RequireOneLine(exception.Message);
                Require(exception.Kind == ImageErrorKind.InvalidArgument && image.VirtualSizeBytes == size, () => $"from {size} to {to} bytes: {exception.Kind}, {exception.Message}");
            }
        }
    }

    /// <summary>A repair of leaks loses nothing; where there is no damage, no leak is left.</summary>
    private async Task RepairLeaksAsync(DiskReading reading, CheckReport found)
    {
        if (found.Leaks == 0)
        {
            return;
        }

        SimulatedFile file = _file.Copy();
        file.KeepsTrace = false;
        CheckReport report = await CheckAsync(file, new CheckOptions { Repair = RepairMode.Leaks }).ConfigureAwait(false);
        Require(!found.IsSound || report.IsClean, () => $"leaks are left: {Tell(report)}");
        RequireSame(reading, ReadAgain(file), (_, _, _) => false, "after a repair of leaks");
    }

    /// <summary>
    /// A repair leaves an image that is clean for both readers, where all that was readable reads as before and the rest reads as nothing; said beforehand
    /// it changes nothing.
    /// </summary>
    private async Task RepairAllAsync(DiskReading reading, CheckReport found, int number)
    {
        if (found.IsClean && !found.NeedsCheck && _file.LengthBytes % PlainOf(_file).ClusterBytes == 0)
        {
            return;
        }

        SimulatedFile file = _file.Copy();
        file.KeepsTrace = false;
        if (number % DryRunEach == 0)
        {
            CheckReport told = await CheckAsync(file, new CheckOptions { Repair = RepairMode.All, DryRun = true }).ConfigureAwait(false);
            _ = told;
        }

        CheckReport report = await CheckAsync(file, new CheckOptions { Repair = RepairMode.All }).ConfigureAwait(false);
        Repaired++;
        _signature.AppendJoin(',', report.Repairs.Select(action => action.Kind).Distinct().Order());
        CheckReport now = await CheckAsync(file, new CheckOptions()).ConfigureAwait(false);
        Require(report.IsClean && !report.NeedsCheck && now.IsClean && !now.NeedsCheck, () => $"repaired, and not clean: {Tell(report)}\nchecked again: {Tell(now)}");
        PlainQed plain = PlainOf(file);
        if (IsCheap(file))
        {
            PlainCheck expected = plain.Check();
            Require(expected is { Corruptions: 0, LeakedClusters: 0 }, () => $"repaired, and the plain reader finds {expected}: {Tell(report)}");
        }

        // What is left of a cluster that was cut off may come back; where data and a table were in one place, the table moves away and the disk has what is there.
        PlainQed before = PlainOf(_file);
        HashSet<long> tables = TableClusters();
        bool mayKeepTail = report.Repairs.Any(action => action.Kind == RepairActionKind.ExtendedTail);
        bool MayDiffer(long place, ClusterAnswer mine, ClusterAnswer theirs) =>
            mine.Kind == ClusterAnswerKind.Failed && (theirs.Kind is ClusterAnswerKind.Free or ClusterAnswerKind.Zero || mayKeepTail || IsInTable(before, place, tables));
        RequireSame(reading, ReadAgain(file), MayDiffer, "after a repair");
    }

    private DiskReading ReadAgain(SimulatedFile file)
    {
        using BudgetStorage storage = new(file, _budget, readOnly: true);
        using IDiskImage image = s_backend.Open(storage, Options(ImageOpenFlags.ReadOnly));
        DiskReading reading = DiskReading.Of(image, _places, _buffer);
        Settle(storage);
        return reading;
    }

    /// <summary>A cluster without a place in the file; -1 when none of those looked at is.</summary>
    private long Target(PlainQed plain, int number)
    {
        for (int i = 0; i < _places.Length; i++)
        {
            int at = (int)(((uint)number + (uint)i) % (uint)_places.Length);
            if (plain.At(_places[at] * plain.ClusterBytes).Kind is PlainClusterKind.Free or PlainClusterKind.Zero)
            {
                return _places[at];
            }
        }

        return -1;
    }

    /// <summary>Writes a cluster whole, or makes it zero; false where the image is too damaged there.</summary>
    private static bool TryWrite(IDiskImage image, long target, bool isZeroed)
    {
        byte[] data = new byte[image.Limits.BlockBytes];
        data.AsSpan().Fill(0xA7);
        try
        {
            // A block at the end of the disk is written whole.
            long offset = target * image.Limits.BlockBytes;
            WriteResult result = isZeroed ? image.WriteZeroes(offset, data.Length) : image.Write(offset, data);
            Require(!result.IsFree && result.LengthBytes == data.Length, () => $"a write of cluster {target} answers {result}");
            image.Flush();
            return true;
        }
        catch (ImageException exception)
        {
            RequireOneLine(exception.Message);
            Require(exception.Kind == ImageErrorKind.Corrupt, () => $"a write to cluster {target} fails: {exception.Message}");
            return false;
        }
    }

    private static int LengthToWrite(IDiskImage image, long target) =>
        (int)Math.Min(Math.Min(image.Limits.BlockBytes, BufferBytes), image.VirtualSizeBytes - (target * image.Limits.BlockBytes));

    private static string Tell(CheckReport report) =>
        $"{report.Corruptions} corruptions, {report.Leaks} leaks, {report.CheckErrors} errors{(report.NeedsCheck ? ", due" : "")}\n  {string.Join("\n  ", report.Findings.Select(finding => finding.Message))}\n  {string.Join("\n  ", report.Repairs.Select(action => action.Message))}";
}
