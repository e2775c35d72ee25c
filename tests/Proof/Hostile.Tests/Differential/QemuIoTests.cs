using QedVd.Hostile.Tests.Mutation;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>That the comparison sees what is different.</summary>
public sealed class QemuIoTests
{
    private const string Image = """
        u32 0 4474193
        u32 4 4096
        u32 8 2
        u32 12 1
        u64 40 4096
        u64 48 65536
        u64 4096 12288
        u64 12288 20480
        fill 20480 4096 7
        u64 12296 24576
        count 24576 4096 9
        u64 12304 1
        u64 12312 5
        length 28672
        """;

    [Fact]
    public async Task BytesAndErrorsOfOurs_ThatQemuDoesNotHave_AreSeen()
    {
        string program = Peers.Require("qemu-io");
        string folder = Directory.CreateTempSubdirectory("qedvd-differential-").FullName;
        try
        {
            ImageRecipe recipe = ImageRecipe.Parse(Image);
            ComparedImage image = await ComparedImage.MakeAsync("a.qed", new MutatedImage(ImageGenerator.Next(new Random(1), GeometryClass.Small), recipe, []));
            Assert.Null(image.Rejection);
            image.File.SaveTo(Path.Combine(folder, image.Name));
            QemuIo io = new(program, folder);
            Assert.All(await AnswersAsync(io, image), answer => Assert.Equal(PieceAnswer.Same, answer));

            // One byte in equal ones, one in the middle of others, one of a zero cluster; and what each of us can read alone.
            image.Pieces[0].Bytes![4095]++;
            image.Pieces[1].Bytes![1234]++;
            image.Pieces[2].Bytes![0]++;
            Assert.Null(image.Pieces[3].Bytes);
            image.Pieces[3] = image.Pieces[3] with { Bytes = new byte[4096] };
            image.Pieces[4] = image.Pieces[4] with { Bytes = null };
            Assert.Equal(
                [PieceAnswer.Different, PieceAnswer.Different, PieceAnswer.Different, PieceAnswer.OnlyWeRead, PieceAnswer.OnlyQemuReads, PieceAnswer.Same],
                (await AnswersAsync(io, image)).Take(6));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<IReadOnlyList<PieceAnswer>> AnswersAsync(QemuIo io, ComparedImage image)
    {
        QemuAnswer? answer = (await io.AskAsync([image]))[0];
        Assert.NotNull(answer);
        Assert.Null(answer.Rejection);
        return answer.Pieces;
    }
}
