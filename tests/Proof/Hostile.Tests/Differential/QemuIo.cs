using System.Diagnostics;
using System.Globalization;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>
/// Many images in one run of qemu-io: it takes commands, says on one output what they gave, each behind a prompt, and on the other why an image cannot be
/// opened, where an unknown command between two images leaves a mark.
/// </summary>
internal sealed class QemuIo(string program, string folder)
{
    private const string Prompt = "qemu-io> ";
    private const string Mark = "mark-";
    private const int SectorBytes = 512;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    /// <summary>Runs that ended by themselves: an assertion of QEMU failed, or worse.</summary>
    public int Crashes { get; private set; }

    /// <summary>Opens and reads images. Of one that QEMU does not survive the answer is null.</summary>
    public async Task<QemuAnswer?[]> AskAsync(IReadOnlyList<ComparedImage> images)
    {
        List<string> script = [];
        List<List<Question>> questions = [];
        foreach (ComparedImage image in images)
        {
            script.Add($"open -r -o driver=qed {image.Name}");
            script.Add(FormattableString.Invariant($"{Mark}{questions.Count}"));
            List<Question> asked = Ask(image);
            questions.Add(asked);
            script.AddRange(asked.Select(question => question.Command));
            script.Add("close");
        }

        (string output, string error, int exitCode) = await RunAsync(script).ConfigureAwait(false);
        string[] chunks = output.Split(Prompt);
        if (chunks.Length != script.Count + 2 || exitCode > 1)
        {
            return await AskAloneAsync(images).ConfigureAwait(false);
        }

        QemuAnswer?[] answers = new QemuAnswer?[images.Count];
        int next = 1;
        for (int i = 0; i < images.Count; i++)
        {
            next += 2;
            string before = Between(error, i == 0 ? null : MarkOf(i - 1), MarkOf(i));
            string? rejection = before.Split('\n').FirstOrDefault(line => line.Contains("can't open", StringComparison.Ordinal));
            answers[i] = new QemuAnswer(rejection, rejection is null ? Judge(images[i], questions[i], chunks.AsSpan(next, questions[i].Count)) : []);
            next += questions[i].Count + 1;
        }

        return answers;
    }

    private async Task<QemuAnswer?[]> AskAloneAsync(IReadOnlyList<ComparedImage> images)
    {
        if (images.Count == 1)
        {
            Crashes++;
            return [null];
        }

        List<QemuAnswer?> answers = [];
        foreach (ComparedImage image in images)
        {
            answers.AddRange(await AskAsync([image]).ConfigureAwait(false));
        }

        return [.. answers];
    }

    /// <summary>A read for each run of equal bytes, verified by qemu-io, and one that is printed for what is between.</summary>
    private static List<Question> Ask(ComparedImage image)
    {
        List<Question> questions = [];
        for (int number = 0; number < image.Pieces.Count; number++)
        {
            DiskPiece piece = image.Pieces[number];
            if (piece.Bytes is null)
            {
                questions.Add(new Question(number, FormattableString.Invariant($"read {piece.Offset} {piece.LengthBytes}"), null));
                continue;
            }

            for (int start = 0; start < piece.LengthBytes;)
            {
                int value = UniformByte(piece.Bytes, start);
                int end = start + SectorBytes;
                while (end < piece.LengthBytes && UniformByte(piece.Bytes, end) == value)
                {
                    end += SectorBytes;
                }

                string range = FormattableString.Invariant($"{piece.Offset + start} {end - start}");
                questions.Add(value >= 0
                    ? new Question(number, FormattableString.Invariant($"read -P {value} {range}"), null)
                    : new Question(number, $"read -v {range}", piece.Bytes[start..end]));
                start = end;
            }
        }

        return questions;
    }

    private static List<PieceAnswer> Judge(ComparedImage image, List<Question> questions, ReadOnlySpan<string> chunks)
    {
        PieceAnswer[] answers = new PieceAnswer[image.Pieces.Count];
        for (int i = 0; i < questions.Count; i++)
        {
            Question question = questions[i];
            string chunk = chunks[i];
            bool hasFailed = chunk.Contains("read failed", StringComparison.Ordinal);
            if (!hasFailed && !chunk.Contains("bytes at offset", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"'{question.Command}' gave '{chunk}'.");
            }

            PieceAnswer answer = image.Pieces[question.Piece].Bytes is null
                ? hasFailed ? PieceAnswer.Same : PieceAnswer.OnlyQemuReads
                : hasFailed ? PieceAnswer.OnlyWeRead
                : chunk.Contains("verification failed", StringComparison.Ordinal) || (question.Printed is not null && !IsPrinted(chunk, question.Printed)) ? PieceAnswer.Different
                : PieceAnswer.Same;
            answers[question.Piece] = answer == PieceAnswer.Same ? answers[question.Piece] : answer;
        }

        return [.. answers];
    }

    /// <summary>Whether the lines "00000000:  00 01 ...  text" are these bytes.</summary>
    private static bool IsPrinted(string chunk, byte[] expected)
    {
        int at = 0;
        foreach (string line in chunk.Split('\n'))
        {
            if (at == expected.Length)
            {
                return true;
            }

            int colon = line.IndexOf(":  ", StringComparison.Ordinal);
            for (int i = 0; i < 16; i++)
            {
                if (colon < 0 || byte.Parse(line.AsSpan(colon + 3 + (i * 3), 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) != expected[at++])
                {
                    return false;
                }
            }
        }

        return at == expected.Length;
    }

    private static int UniformByte(byte[] bytes, int start) => bytes.AsSpan(start, SectorBytes).ContainsAnyExcept(bytes[start]) ? -1 : bytes[start];

    private static string MarkOf(int number) => FormattableString.Invariant($"command \"{Mark}{number}\" not found");

    private static string Between(string text, string? start, string end)
    {
        int from = start is null ? 0 : text.IndexOf(start, StringComparison.Ordinal);
        int to = text.IndexOf(end, StringComparison.Ordinal);
        return from < 0 || to < from ? throw new InvalidOperationException($"qemu-io left no '{end}' in '{text}'.") : text[from..to];
    }

    private async Task<(string Output, string Error, int ExitCode)> RunAsync(List<string> script)
    {
        using Process process = Process.Start(new ProcessStartInfo(program) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource limit = new(s_limit);
        try
        {
            await process.StandardInput.WriteAsync(string.Join('\n', script).AsMemory(), limit.Token).ConfigureAwait(false);
            await process.StandardInput.WriteAsync("\n".AsMemory(), limit.Token).ConfigureAwait(false);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It ended before it had read all.
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        return (await output.ConfigureAwait(false), await error.ConfigureAwait(false), process.HasExited ? process.ExitCode : -1);
    }

    private sealed record Question(int Piece, string Command, byte[]? Printed);
}
