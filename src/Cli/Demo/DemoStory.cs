using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>The demo: the main job of QedVd from a file to bytes in a guest, told step by step. All that it writes lies in a temporary folder.</summary>
internal sealed class DemoStory(VerbRun run, DemoTeller teller, string givenImage, string? format, DiskOpenOptions chainOptions)
{
    private const int CompareBytes = 256 << 10;
    private const long MaxComparedBytes = 256L << 20;

    private readonly string _image = HostPath.Full(givenImage);
    private readonly CancellationToken _cancellation = run.Cancellation;

    public async Task<bool> TellAsync()
    {
        string baseFormat = await RecogniseAsync();
        IReadOnlyList<ImageDescription> chain = await DescribeAsync(baseFormat);
        FileFingerprint[] before = await FingerprintAsync(chain);

        DirectoryInfo folder = Directory.CreateTempSubdirectory("qedvd-demo-");
        try
        {
            bool good = await WorkAsync(folder.FullName, baseFormat, chain);
            good &= await ProveUnchangedAsync(before);
            return good;
        }
        finally
        {
            folder.Delete(recursive: true);
            teller.Say($"Removed the temporary folder {folder.FullName}.");
        }
    }

    private async Task<string> RecogniseAsync()
    {
        teller.Step("Plugins: formats are plugins, loaded from the folder 'plugins'");
        foreach (PluginReport plugin in run.Catalog.Plugins)
        {
            teller.Say(plugin.Reason is { } reason
                ? $"{plugin.Name}: not loaded: {reason}"
                : $"{plugin.Name} {plugin.AssemblyVersion?.ToString(3)} offers {string.Join(", ", plugin.Backends.Select(backend => $"{backend.Id} ({backend.DisplayName})"))}.");
        }

        teller.Step($"Probing {givenImage}: what is this file?");
        ProbeReport report = await run.Host.ProbeAsync(_image, _cancellation);
        foreach (ProbeCandidate candidate in report.Candidates)
        {
            teller.Say($"{candidate.FormatId}: {candidate.Confidence.ToString().ToLowerInvariant()} ({candidate.Reason})");
        }

        string taken = format ?? report.RequireFormat(forWriting: false);
        teller.Say($"Taken as {taken}.");
        return taken;
    }

    private async Task<IReadOnlyList<ImageDescription>> DescribeAsync(string baseFormat)
    {
        teller.Step("Opening it read-only, with its parents");
        IReadOnlyList<ImageDescription> chain = await run.Host.DescribeChainAsync(_image, chainOptions with { Format = baseFormat, ReadOnly = true }, _cancellation);
        foreach (ImageDescription image in chain)
        {
            teller.Say($"{image.Path}: {image.FormatId}, a disk of {SizeText.Human(image.VirtualSizeBytes)}, {SizeText.Human(image.AllocatedBytes)} on this volume.");
        }

        return chain;
    }

    private async Task<FileFingerprint[]> FingerprintAsync(IReadOnlyList<ImageDescription> chain)
    {
        List<FileFingerprint> prints = [];
        foreach (ImageDescription image in chain)
        {
            prints.Add(await FileFingerprint.TakeAsync(image.Path, _cancellation));
        }

        return [.. prints];
    }

    private async Task<bool> WorkAsync(string folder, string baseFormat, IReadOnlyList<ImageDescription> chain)
    {
        string first = Path.Combine(folder, "overlay-1.qed");
        string second = Path.Combine(folder, "overlay-2.qed");
        DiskOpenOptions options = chainOptions with
        {
            Format = "qed",
            ReadOnly = false,
            AllowedRoots = [.. chainOptions.AllowedRoots, .. chain.Select(image => Path.GetDirectoryName(image.Path)!).Distinct()],
            AllowedParentFormats = [.. chainOptions.AllowedParentFormats.Union([baseFormat])],
        };

        await using VirtualDisk original = await run.Host.OpenDiskAsync(_image, chainOptions with { Format = baseFormat, ReadOnly = true }, _cancellation);
        DemoPlan plan = await DemoPlan.MakeAsync(original, _cancellation);
        var model = new DemoModel(original);

        teller.Step("An overlay on it takes the writes, so that the file stays as it is");
        await run.Host.CreateOverlayAsync(_image, first, new CreateOverlayOptions { ParentFormat = baseFormat, FormatId = "qed" }, _cancellation);
        teller.Say($"Created {first}.");

        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(first, options, _cancellation))
        {
            Write(disk, model, plan.Fresh, "written into the first overlay, where the image holds nothing");
            Write(disk, model, plan.Patch, "written into the first overlay, into a part of a cluster: the rest was copied from the image");

            teller.Step("A snapshot while the disk is open: a second overlay goes on top");
            await disk.SnapshotAsync(second, cancellationToken: _cancellation);
            teller.Say($"Created {second}; the first overlay is frozen from here on.");
            Write(disk, model, plan.Again, "written into the second overlay, over what the first one holds");
            if (plan.Zeros.Length > 0)
            {
                disk.WriteZeroes(plan.Zeros.Offset, plan.Zeros.Length);
                model.Write(plan.Zeros.Offset, new byte[plan.Zeros.Length]);
                teller.Say($"{plan.Zeros.Length} bytes at {plan.Zeros.Offset}: zeros in the second overlay, said with a marker where they cover whole clusters.");
            }

            await disk.FlushAsync(_cancellation);
            await disk.CloseAsync();
        }

        return await InspectAsync(second, options, model, plan);
    }

    private void Write(VirtualDisk disk, DemoModel model, DemoRange range, string text)
    {
        if (range.Length == 0)
        {
            return;
        }

        byte[] bytes = DemoPlan.Text(text, range.Length);
        disk.Write(range.Offset, bytes);
        model.Write(range.Offset, bytes);
        teller.Say($"{range.Length} bytes at {range.Offset}: {text}.");
    }

    private async Task<bool> InspectAsync(string top, DiskOpenOptions options, DemoModel model, DemoPlan plan)
    {
        bool good = true;
        List<DiskLevel> levels = [];
        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(top, options with { ReadOnly = true }, _cancellation))
        {
            teller.Step($"Opened again from the files: {disk.Levels.Count} levels, one disk");
            levels.AddRange(disk.Levels);
            teller.Chain(levels);
            good &= Verify(disk, model, plan);
            await teller.PicturesAsync(run.Host, disk, levels, _cancellation);
        }

        teller.Step("Checking every image");
        foreach (DiskLevel level in levels)
        {
            good &= await CheckAsync(level);
        }

        good &= await new DemoUpkeep(run.Host, teller, _cancellation).TellAsync(top, options);
        good &= await new DemoShortening(run.Host, teller, _cancellation).TellAsync(top, options);
        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(top, options with { ReadOnly = true }, _cancellation))
        {
            good &= Verify(disk, model, plan);
        }

        return good;
    }

    private bool Verify(VirtualDisk disk, DemoModel model, DemoPlan plan)
    {
        long compared = 0;
        foreach (DemoRange range in plan.Data.Concat([plan.Fresh, plan.Patch, plan.Again, plan.Zeros]))
        {
            for (long at = 0; at < range.Length && compared < MaxComparedBytes;)
            {
                _cancellation.ThrowIfCancellationRequested();
                int length = (int)Math.Min(CompareBytes, range.Length - at);
                byte[] expected = new byte[length];
                byte[] actual = new byte[length];
                model.Read(range.Offset + at, expected);
                disk.Read(range.Offset + at, actual);
                if (!expected.AsSpan().SequenceEqual(actual))
                {
                    int different = expected.AsSpan().CommonPrefixLength(actual);
                    teller.Bad($"The disk does not read what was written: byte {range.Offset + at + different} differs.");
                    return false;
                }

                at += length;
                compared += length;
            }
        }

        string part = compared >= MaxComparedBytes ? "The first " : "";
        teller.Good($"{part}{SizeText.Human(compared)} read through all levels: what was written reads as written, the rest as in the image.");
        return true;
    }

    private async Task<bool> CheckAsync(DiskLevel level)
    {
        try
        {
            CheckReport report = await run.Host.CheckAsync(level.Path, request: new ImageOpenRequest { Format = level.FormatId, ForContent = true }, cancellationToken: _cancellation);
            string found = $"{level.Path}: {report.Corruptions} errors, {report.Leaks} leaks, {report.AllocatedClusters} of {report.TotalClusters} clusters hold data.";
            if (report.IsClean)
            {
                teller.Good(found);
            }
            else
            {
                teller.Bad(found);
            }

            // Damage that was there before is the image's; what the demo made must be clean.
            return report.IsClean || level.Path == _image || level.Depth > 1;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotSupported)
        {
            teller.Say($"{level.Path}: {level.FormatId} has nothing to check.");
            return true;
        }
    }

    private async Task<bool> ProveUnchangedAsync(FileFingerprint[] before)
    {
        teller.Step("And the image itself?");
        bool good = true;
        foreach (FileFingerprint print in before)
        {
            bool same = await FileFingerprint.TakeAsync(print.Path, _cancellation) == print;
            good &= same;
            string proof = print.Sha256 is null ? "same length and time (too long to compare every byte)" : $"same length, time and SHA-256 ({print.Sha256[..16]}...)";
            if (same)
            {
                teller.Good($"{print.Path}: unchanged, {proof}.");
            }
            else
            {
                teller.Bad($"{print.Path}: was changed while the demo ran. The demo opens it for reading only, so another program did that.");
            }
        }

        return good;
    }
}
