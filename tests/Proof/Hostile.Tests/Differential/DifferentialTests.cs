using System.Collections.Concurrent;
using QedVd.Hostile.Tests.Mutation;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>
/// Mutated images as QEMU answers them: opened by both or by none, read alike, found damaged alike, and what we repaired is clean for qemu-img. All that
/// differs is in <see cref="KnownDifferences"/>. No image reaches QEMU that names anything but a plain file in a private folder.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const string Search = "hostile-differential";
    private const int Usual = 200;
    private const int ImagesOfCase = 50;
    private const int MostFailures = 5;

    private readonly ConcurrentDictionary<string, int> _known = new();
    private readonly ConcurrentDictionary<MutationStratum, int> _strata = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private int _made;
    private int _refused;
    private int _openedByOne;
    private int _clean;
    private int _repaired;
    private int _crashes;

    [Fact]
    [Trait("Long", LongTurn.Name)]
    public async Task MutatedImages_AreAnsweredAsByQemu_ButForWhatIsKnown()
    {
        string qemuIo = Peers.Require("qemu-io", Measure.Differential);
        string qemuImg = Peers.Require("qemu-img", Measure.Differential);
        using LongTurn turn = await LongTurn.TakeAsync();
        using ProofSearch search = new(Search, "src/Abstractions", "src/Backends.Qed", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests");
        output.WriteLine($"{search}");
        long done = 0;
        await Task.WhenAll(Enumerable.Range(0, search.IsLong ? Environment.ProcessorCount : 1).Select(_ => Task.Run(
            async () =>
            {
                while (search.GoesOn(Volatile.Read(ref done), Usual) && turn.GoesOn && _failures.Count < MostFailures)
                {
                    long number = search.Next();
                    Interlocked.Add(ref done, await CompareAsync(search, number, qemuIo, qemuImg).ConfigureAwait(false));
                }
            },
            TestContext.Current.CancellationToken)));

        output.WriteLine($"{done} images opened and read by both, of them clean for QEMU {_clean}, repaired by us {_repaired}; not counted of {_made}: refused by both {_refused}, opened by one {_openedByOne}, QEMU ended by itself {_crashes}");
        foreach ((string name, int count) in _known.OrderByDescending(pair => pair.Value))
        {
            output.WriteLine($"{count,8} {name}");
        }

        Assert.True(_failures.IsEmpty, string.Join("\n\n", _failures));
        if (done >= Usual)
        {
            Assert.All(MutationStratum.Coarse.Select(stratum => stratum.Structure).Distinct(), structure => Assert.Contains(_strata.Keys, stratum => stratum.Structure == structure));
            Assert.All(Enum.GetValues<GeometryClass>(), geometry => Assert.Contains(_strata.Keys, stratum => stratum.Geometry == geometry));
            Assert.True(_clean > 0 && _repaired > 0, $"{_clean} images were clean, {_repaired} were repaired");
        }
    }

    private async Task<int> CompareAsync(ProofSearch search, long number, string qemuIo, string qemuImg)
    {
        string folder = Directory.CreateTempSubdirectory("qedvd-differential-").FullName;
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, ImageGenerator.ParentName), ParentFile.Content).ConfigureAwait(false);
            List<ComparedImage> images = await MakeAsync(search, number, folder).ConfigureAwait(false);
            QemuIo io = new(qemuIo, folder);
            QemuAnswer?[] answers = await io.AskAsync(images).ConfigureAwait(false);
            Interlocked.Add(ref _crashes, io.Crashes);
            int wrong = 0;
            int compared = 0;
            for (int i = 0; i < images.Count; i++)
            {
                if (answers[i] is not { } answer)
                {
                    continue;
                }

                string? difference = await DifferenceAsync(images[i], answer, qemuImg, folder).ConfigureAwait(false);
                compared += difference is not null || (images[i].Rejection is null && answer.Rejection is null) ? 1 : 0;
                if (difference is not null)
                {
                    wrong++;
                    _failures.Enqueue($"seed {search.Seed}, case {number}, image {images[i].Name}: {difference}\n{images[i].Image.Recipe}");
                }
            }

            Interlocked.Add(ref _made, images.Count);
            search.Count(Measure.Differential, compared, wrong);
            if (wrong == 0)
            {
                search.Completed(number);
            }

            return compared;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<List<ComparedImage>> MakeAsync(ProofSearch search, long number, string folder)
    {
        MutationCase cases = new(search, number, MutationStratum.Coarse, ImagesOfCase, least: 0);
        List<ComparedImage> images = [];
        for (int i = 0; i < ImagesOfCase; i++)
        {
            MutatedImage image = cases.Next();
            ComparedImage compared = await ComparedImage.MakeAsync(FormattableString.Invariant($"{i}.qed"), image).ConfigureAwait(false);
            if (compared.Found is { } found)
            {
                cases.Note(image, string.Join(' ', found.Findings.Select(finding => finding.Kind).Distinct().Order().Select(kind => $"{kind}").Append($"{compared.Pieces.Count(piece => piece.Bytes is null)}")));
            }

            if (!compared.IsSafeForQemu)
            {
                continue;
            }

            foreach (MutationStratum stratum in image.Mutations)
            {
                _strata.AddOrUpdate(stratum, 1, (_, count) => count + 1);
            }

            compared.File.SaveTo(Path.Combine(folder, compared.Name));
            images.Add(compared);
        }

        return images;
    }

    private async Task<string?> DifferenceAsync(ComparedImage image, QemuAnswer answer, string qemuImg, string folder)
    {
        if (image.Rejection is not null || answer.Rejection is not null)
        {
            bool isByNone = image.Rejection is not null && answer.Rejection is not null;
            Interlocked.Increment(ref isByNone ? ref _refused : ref _openedByOne);
            return isByNone ? null
                : IsKnown(image, image.Rejection is null ? KnownDifferences.OnlyWeOpen : KnownDifferences.OnlyQemuOpens) ? null
                : $"we say '{image.Rejection ?? "open"}', QEMU '{answer.Rejection ?? "open"}'";
        }

        for (int i = 0; i < answer.Pieces.Count; i++)
        {
            DiskPiece piece = image.Pieces[i];
            if (answer.Pieces[i] == PieceAnswer.Same || (answer.Pieces[i] == PieceAnswer.OnlyQemuReads && IsKnown(image, piece)))
            {
                continue;
            }

            return $"{answer.Pieces[i]} at {piece.Offset} of the disk, {piece.LengthBytes} bytes, entries {image.EntriesOf(piece.Offset)}";
        }

        CheckReport found = image.Found!;
        QemuCheck check = await QemuCheck.RunAsync(qemuImg, folder, image.Name).ConfigureAwait(false);
        if (check.ExitCode is not (0 or 2 or 3))
        {
            return $"qemu-img check ends with {check.ExitCode}: {check.Text}";
        }

        Interlocked.Add(ref _clean, check.ExitCode == 0 ? 1 : 0);
        if (found.Corruptions > 0 != check.Corruptions > 0 && !IsKnown(image, KnownDifferences.DamageSeenByOne))
        {
            return $"we find {found.Corruptions} corruptions, qemu-img {check.Corruptions}: {string.Join("; ", found.Findings)}";
        }

        if (found.Corruptions == 0 && check.Corruptions == 0 && found.Leaks != check.Leaks && !IsKnown(image, KnownDifferences.OtherLeaks))
        {
            return $"we find {found.Leaks} leaks, qemu-img {check.Leaks}: {string.Join("; ", found.Findings)}";
        }

        return image.Repaired is null ? null : await RepairedDifferenceAsync(image, qemuImg, folder).ConfigureAwait(false);
    }

    private async Task<string?> RepairedDifferenceAsync(ComparedImage image, string qemuImg, string folder)
    {
        Interlocked.Increment(ref _repaired);
        image.Repaired!.SaveTo(Path.Combine(folder, "repaired.qed"));
        QemuCheck check = await QemuCheck.RunAsync(qemuImg, folder, "repaired.qed").ConfigureAwait(false);
        return check.ExitCode == 0 ? null : $"repaired, and qemu-img check ends with {check.ExitCode}: {check.Text}";
    }

    private bool IsKnown(ComparedImage image, IReadOnlyList<KnownDifference> differences) =>
        differences.FirstOrDefault(difference => difference.Applies(image)) is { } known && Note(known.Name);

    private bool IsKnown(ComparedImage image, DiskPiece piece)
    {
        foreach ((string name, _, Func<ComparedImage, DiskPiece, bool> applies) in KnownDifferences.OnlyQemuReads)
        {
            if (applies(image, piece))
            {
                return Note(name);
            }
        }

        return false;
    }

    private bool Note(string name)
    {
        _known.AddOrUpdate(name, 1, (_, count) => count + 1);
        return true;
    }
}
