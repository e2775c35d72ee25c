using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>Concurrent requests and maintenance, in one seeded order after the other.</summary>
public sealed class ScheduleTests
{
    private const int ImagesInEachRun = 1200;

    [Fact]
    [Trait("Long", "schedules")]
    public void Image_GuestsAndMaintenanceInAnyOrder_CanBeExplained() => Scheduler.OnOwnThread(() =>
    {
        using var search = new ProofSearch("schedules", "src/Abstractions", "src/Backends.Qed", "src/Host");
        Console.WriteLine($"Seed of the schedules of one image: {search}");
        var strata = new Strata();
        long done = 0;
        for (long number = search.Next(); search.GoesOn(done, ImagesInEachRun); number = search.Next())
        {
            RunOne(search, number, strata);
            done++;
        }

        string[] empty = [.. strata.Empty(ImageSchedule.AllStrata)];
        Assert.True(empty.Length == 0, $"{done} schedules, {search}, and not one with: {string.Join(", ", empty)}");
    });

    [Fact]
    public void SameSeed_TakesTheSameSteps() => Scheduler.OnOwnThread(() =>
    {
        int first = new Random().Next();
        Console.WriteLine($"Seed of the schedules taken twice: {first}");
        for (int seed = first; seed < first + 40; seed++)
        {
            Scheduler[] runs = [Take(seed), Take(seed)];
            for (int step = 0; step < Math.Min(runs[0].Step, runs[1].Step); step++)
            {
                Assert.Equal($"{seed}: {runs[0].Describe(step)}", $"{seed}: {runs[1].Describe(step)}");
            }

            Assert.Equal(runs[0].Step, runs[1].Step);
            Assert.Equal(runs[0].Fingerprint, runs[1].Fingerprint);
            Assert.NotEqual(runs[0].Fingerprint, Take(seed + 1).Fingerprint);
        }

        static Scheduler Take(int seed)
        {
            var schedule = new ImageSchedule(seed, new Strata());
            schedule.Run();
            return schedule.Scheduler;
        }
    });

    private static void RunOne(ProofSearch search, long number, Strata strata)
    {
        var schedule = new ImageSchedule(search.SeedOf(number), strata);
        try
        {
            schedule.Run();
            search.Count(Measure.Schedules, 1);
        }
        catch (Exception exception)
        {
            search.Count(Measure.Schedules, 1, 1);
            Assert.Fail($"{search}, case {number}: {exception.Message}\n{schedule.Scheduler.Describe()}\n{exception.StackTrace}");
        }
    }
}
