using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>What judges disturbed commands finds what it is there for: each thing alone that one of them could leave wrong, or say wrongly.</summary>
public sealed class PlantedCommandTests
{
    private const string Top = "3.qed";
    private const int SectorBytes = 512;
    private const int MostChains = 8;

    // What is done to the files when the command was killed, or (at a call that it does not make) has ended well.
    private static readonly Dictionary<string, (string Command, string Found, bool IsKilled, Action<Work, Work> Spoils)> s_left = new()
    {
        ["a sector of the guest is another"] = ("snapshot", "is neither as it was", true, (work, _) => Write(work, Top)),
        ["a level beneath reads otherwise"] = ("amend", "", true, (work, _) => Write(work, "1.qed")),
        ["levels change places"] = ("rename", "", true, (work, _) => Swap(work, "1.qed", "2.qed")),
        ["a level is gone"] = ("trim", "2.qed", true, (work, _) => File.Delete(PathOf(work, "2.qed"))),
        ["a file is left over"] = ("convert", "left-over", true, (work, _) => File.WriteAllText(PathOf(work, "left-over"), "")),
        ["a table is nowhere"] = ("grow", Top, true, (work, _) => LinkNowhere(PathOf(work, Top))),
        ["what was committed is lost"] = ("commit", "", false, (work, pristine) => PutBack(work, pristine, "2.qed")),
        ["nothing was committed"] = ("commit", "", false, (work, pristine) => PutBack(work, pristine, "2.qed", Top)),
        ["nothing was merged"] = ("merge-down", "", false, (work, pristine) => PutBack(work, pristine, pristine.Files)),
        ["what was made is another thing"] = ("convert", "what it makes", false, (work, _) => File.Copy(PathOf(work, "2.qed"), PathOf(work, "copy.qed"), overwrite: true)),
    };

    // Programs in the place of ours, and whether one of its barriers fails.
    private static readonly Dictionary<string, (string Script, string Found, bool Fails)> s_programs = new()
    {
        ["an error is kept back"] = ("\"$Q\" \"$@\" 2> /dev/null; exit 0", "it ended well all the same", true),
        ["an error is told in many lines"] = ("\"$Q\" \"$@\" || { printf '1\\n2\\n3\\n' >&2; exit 1; }", "should say one line", true),
        ["an error has another exit code"] = ("\"$Q\" \"$@\" || exit 7", "ended with 7", true),
        ["an error is told, and there was none"] = ("\"$Q\" \"$@\" > /dev/null 2>&1; echo error >&2; exit 1", "it did not happen", false),
        ["nothing is done, and it ends well"] = ("exit 0", "", false),
    };

    // One that no command makes.
    private static readonly CallPoint s_never = new(0, "fdatasync", 1 << 14, "fdatasync");

    public static TheoryData<string> Left => [.. s_left.Keys];

    public static TheoryData<string> Programs => [.. s_programs.Keys];

    [Theory]
    [MemberData(nameof(Left))]
    public async Task WhatACommandLeavesWrong_IsFound(string name)
    {
        (string command, string found, bool isKilled, Action<Work, Work> spoils) = s_left[name];
        await ShouldBeFoundAsync(name, command, found, async (random, pristine, disturbed) =>
        {
            IReadOnlyList<CallPoint> points = await disturbed.MeasureAsync();
            disturbed.Spoils = work => spoils(work, pristine);
            await disturbed.KillAsync(isKilled ? KillSearch.Draw(points, 1, random)[0] : s_never);
        });
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WhatACommandSaysWrongly_IsFound(string name)
    {
        (string script, string found, bool fails) = s_programs[name];
        await ShouldBeFoundAsync(name, "commit", found, async (_, pristine, disturbed) =>
        {
            IReadOnlyList<CallPoint> points = await disturbed.MeasureAsync();
            string program = Path.Combine(Path.GetDirectoryName(pristine.Folder)!, "program");
            await File.WriteAllTextAsync(program, $"#!/bin/sh\nQ='{Checkout.CommandLine}'\n{script}\n");
            (await ToolRun.RunAsync(Peers.Require("chmod"), ["+x", program])).ShouldExitWith(0);
            disturbed.Program = program;
            await disturbed.FailAsync(fails ? points.First(point => point.Call == "fdatasync") : s_never, "EIO");
        });
    }

    /// <summary>On one of the chains that are drawn: it may hold nothing where something is made wrong.</summary>
    private static async Task ShouldBeFoundAsync(string name, string command, string found, Func<Random, Work, DisturbedCommand, Task> disturb)
    {
        Peers.Require("strace");
        long seed = LongRun.Seed();
        var random = new Random((int)seed);
        CommandCase @case = CommandCases.All.Single(each => each.Name == command);
        for (int chain = 0; chain < MostChains; chain++)
        {
            using var bench = new ChainBench(ChainBench.InMemory);
            (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
            try
            {
                await disturb(random, pristine, new DisturbedCommand(bench, @case, pristine, description));
            }
            catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException && exception.Message.Contains(found, StringComparison.Ordinal))
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}, chain {chain}: {exception.Message}");
                return;
            }
        }

        Assert.Fail($"seed {seed}: '{name}' was not found in '{command}' on {MostChains} chains");
    }

    private static string PathOf(Work work, string name) => Path.Combine(work.Folder, name);

    private static void Write(Work work, string name)
    {
        using var host = new DiskHost(InProcess.HostOptions());
        using VirtualDisk disk = host.OpenDisk(PathOf(work, name), new DiskOpenOptions { Format = "qed" });
        disk.Write(0, Enumerable.Repeat((byte)0x5E, (int)Math.Min(disk.LengthBytes, 8 * SectorBytes)).ToArray());
        disk.Close();
    }

    private static void Swap(Work work, string one, string other)
    {
        File.Move(PathOf(work, one), PathOf(work, "swapped"));
        File.Move(PathOf(work, other), PathOf(work, one));
        File.Move(PathOf(work, "swapped"), PathOf(work, other));
    }

    private static void PutBack(Work work, Work pristine, params IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            File.Copy(PathOf(pristine, name), PathOf(work, name), overwrite: true);
        }
    }

    private static void LinkNowhere(string path)
    {
        byte[] image = File.ReadAllBytes(path);
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan((int)BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(40))), 1L << 40);
        File.WriteAllBytes(path, image);
    }
}
