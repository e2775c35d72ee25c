using System.Buffers.Binary;
using System.Diagnostics;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>
/// Random valid images, random damage, repair: what was reachable reads the same, the image is clean and has no leak. <c>./test --long repair</c>
/// goes on with 10,000 rounds. A failure names its seed.
/// </summary>
public sealed class RandomRepairTests(ITestOutputHelper output)
{
    private const string Search = "repair";
    private const int UsualRounds = 200;
    private const int LongRounds = 10_000;

    [Fact]
    [Trait("Long", Search)]
    public async Task RandomDamage_IsMended_AndWhatWasReachableReadsTheSame()
    {
        bool isLong = LongRun.IsAsked(Search);
        TimeSpan budget = LongRun.Budget(Search, TimeSpan.FromMinutes(2));
        int seed = (int)(LongRun.Seed() & 0x3FFF_FFFF);
        output.WriteLine($"seed {seed}");
        using QemuImg? qemu = Peers.Find("qemu-img") is null ? null : new QemuImg();
        if (qemu is not null)
        {
            await File.WriteAllBytesAsync(qemu.PathOf("p.qed"), new byte[512], TestContext.Current.CancellationToken);
        }

        long start = Stopwatch.GetTimestamp();
        int rounds = 0;
        int damaged = 0;
        int asked = 0;
        for (; rounds < (isLong ? LongRounds : UsualRounds) && Stopwatch.GetElapsedTime(start) < budget; rounds++)
        {
            Damaged image = new Damaged(seed + rounds).Damage(rounds % 12);
            DiskView before = DiskView.Of(image.File);
            CheckReport found = Images.Check(image.File);
            damaged += found.Corruptions > 0 ? 1 : 0;
            string hash = image.File.ComputeHash();
            CheckReport told = Repairs.Run(image.File, dryRun: true);
            Assert.Equal(hash, image.File.ComputeHash());

            CheckReport report = Repairs.Run(image.File);

            string Describe() => $"{image}\n{Repairs.Show(report)}";
            before.AssertKeptBy(DiskView.Of(image.File), Describe, mayKeepTails: image.IsCut);
            AssertMended(image, report, Describe);
            Require(found.Corruptions == report.CorruptionsFixed, Describe);
            AssertDryRunTold(image, told, report, Describe);
            if (qemu is not null && rounds % (isLong ? 100 : 10) == 0 && image.Header.TableSize > 1)
            {
                qemu.Save(image.File);
                Func<string, long> verdict = await qemu.CheckAsync();
                Require((verdict("corruptions"), verdict("leaks"), verdict("check-errors")) == (0, 0, 0), () => $"qemu-img finds {verdict("corruptions")} corruptions, {verdict("leaks")} leaks\n{Describe()}");
                asked++;
            }
        }

        output.WriteLine($"{rounds} rounds, {damaged} of them with corruptions, {asked} seen by qemu-img, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    internal static void AssertMended(Damaged image, CheckReport report, Func<string> describe)
    {
        CheckReport now = Images.Check(image.File);
        Require(now.IsClean && !now.NeedsCheck, () => $"{string.Join('\n', now.Findings)}\n{describe()}");
        Require(report.IsClean && !report.NeedsCheck, describe);
        Require(image.File.LengthBytes == now.ImageEndOffset, () => $"{image.File.LengthBytes}, used to {now.ImageEndOffset}\n{describe()}");
    }

    private static void AssertDryRunTold(Damaged image, CheckReport told, CheckReport report, Func<string> describe)
    {
        // Part of a table that was cut off cannot be read before the file is made longer.
        if (image.IsCut)
        {
            return;
        }

        Require(told.CorruptionsFixed == report.CorruptionsFixed && told.LeaksFixed <= report.LeaksFixed, () => $"{Repairs.Show(told)}\n{describe()}");
        Assert.Equal(Losses(told), Losses(report));
    }

    private static IEnumerable<(long, long)> Losses(CheckReport report) => report.Repairs.Where(action => action.IsLoss).Select(action => (action.DiskOffset, action.LengthBytes)).Order();

    /// <summary>The descriptions are long: they are made when something fails only.</summary>
    internal static void Require(bool isTrue, Func<string> describe)
    {
        if (!isTrue)
        {
            Assert.Fail(describe());
        }
    }
}
