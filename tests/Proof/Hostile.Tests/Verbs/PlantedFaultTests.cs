using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Programs that do in a verb's place what no verb may do: the judge of answers, the limits and the look from outside find each of them.</summary>
public sealed class PlantedFaultTests : IDisposable
{
    private const string Sound = "M32 disk of 0 bytes";
    private const string Overlay = "M70 plain name beside the image";

    private readonly CaseFolder _folder = new(inMemory: true);

    public void Dispose() => _folder.Dispose();

    /// <summary>Case, verb, what the program does ($2 is the image, $IN its folder, $OUT where results go, $OUTSIDE what it must not come near), and what is to be found.</summary>
    public static TheoryData<string, string, string, string> Faults => new()
    {
        { Sound, "info", ": < $OUTSIDE/secret.raw", "must not open" },
        { Overlay, "info", ": < $IN/base.qed", "must not open" },
        { Overlay, "check", "test -e $IN/base.qed", "must not look at" },
        { Overlay, "map", "test -e $IN/../outside/secret.qed", "must not look at" },
        { "link that leads out, as the parent", "map", "test -e $IN/link", "outside/secret.qed" },
        { Sound, "map", "printf x >> $2", "must not change" },
        { Sound, "map", "printf x >> $2", "files changed" },
        { Sound, "convert", ": > $IN/other", "must not change" },
        { Overlay, "write", ": >> $IN/base.qed", "must not change" },
        { Sound, "write", ": > $OUTSIDE/other", "files outside were changed" },
        { Sound, "info", "/bin/true", "must not run" },
        { Sound, "info", "exec 3<> /dev/tcp/127.0.0.1/1", "must not run a socket" },
        { Sound, "info", "while :; do :; done", "was still running" },
        { "M88 image that is a FIFO", "check", ": < $2", "was still running" },
        { "M83 FIFO, as the parent", "map", ": < $IN/link", "was still running" },
        { Sound, "info", "printf '\\033[2J'", "prints U+001B" },
        { Sound, "info", "printf '\\342\\200\\256'", "prints U+202E" },
        { Sound, "info", $"echo {CaseFolder.Secret}", "prints what lies outside" },
        { Sound, "info", "exit 3", "should exit with 0" },
        { Sound, "info", "echo 'qedvd: info: one' >&2; echo 'qedvd: info: two' >&2", "should say one line" },
        { Sound, "commit", "echo 'has no parent' >&2; exit 1", "should say who speaks" },
        { Sound, "commit", "echo 'qedvd: commit: no' >&2; exit 1", "should name 'has no parent'" },
        { Sound, "commit", "echo 'qedvd: commit: has no parent: unexpected error' >&2; exit 1", "not foreseen" },
        { Sound, "bench", ": > $OUT/half; echo 'qedvd: bench: not inside the disk of 0 bytes' >&2; exit 1", "left behind: half" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Program_ThatDoesWhatItMayNot_IsFound(string image, string verb, string what, string found)
    {
        Peers.Require("strace");
        string program = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder.Root, "planted")).FullName, "program");
        File.WriteAllText(program, $"#!/bin/bash\nIN={_folder.In} OUT={_folder.Out} OUTSIDE={_folder.Outside}\n{what}\n");
        CaseFolder.Run("chmod", "700", program);
        var runs = new LimitedRuns(_folder, new LimitedProcess(_folder, program) { SecondsAtOnce = 1 });

        Assert.True(runs.Add(AllCases.Get(image), VerbLine.All.Single(line => line.Name == verb)));

        Assert.Contains(runs.Wrong, each => each.Contains(found, StringComparison.Ordinal));
    }

    /// <summary>What the limit of memory is for, with the program itself: it ends otherwise than it should, when it is given too little.</summary>
    [Fact]
    public void Limit_OfMemory_IsOne()
    {
        Peers.Require("strace");
        VerbLine check = VerbLine.All.Single(line => line.Name == "check");
        var runs = new LimitedRuns(_folder, new LimitedProcess(_folder) { HeapBytes = 1 << 20 });

        Assert.True(runs.Add(SizeCases.TableBomb, check));

        Assert.NotEmpty(runs.Wrong);
    }
}
