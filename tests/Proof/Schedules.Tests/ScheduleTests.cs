using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>Concurrent requests and maintenance, in one seeded order after the other.</summary>
public sealed class ScheduleTests
{
    private const int ImagesInEachRun = 1400;
    private const int ChainsInEachRun = 900;

    [Fact]
    [Trait("Long", "schedules")]
    public void Image_GuestsAndMaintenanceInAnyOrder_CanBeExplained() => Explore("schedules-images", ImagesInEachRun, ImageSchedule.AllStrata, (seed, strata) =>
    {
        var schedule = new ImageSchedule(seed, strata);
        return (schedule.Scheduler, schedule.Run);
    });

    [Fact]
    [Trait("Long", "schedules")]
    public void Chain_GuestsAndOperationsInAnyOrder_CanBeExplained() => Explore("schedules-chains", ChainsInEachRun, ChainSchedule.AllStrata, (seed, strata) =>
    {
        var schedule = new ChainSchedule(seed, strata);
        return (schedule.Scheduler, schedule.Run);
    });

    [Fact]
    public void Image_SameSeed_TakesTheSameSteps() => TakeTwice(seed =>
    {
        var schedule = new ImageSchedule(seed, new Strata());
        schedule.Run();
        return schedule.Scheduler;
    });

    [Fact]
    public void Chain_SameSeed_TakesTheSameSteps() => TakeTwice(seed =>
    {
        var schedule = new ChainSchedule(seed, new Strata());
        schedule.Run();
        return schedule.Scheduler;
    });

    private static void TakeTwice(Func<int, Scheduler> take) => Scheduler.OnOwnThread(() =>
    {
        int first = new Random().Next();
        Console.WriteLine($"Seed of the schedules taken twice: {first}");
        for (int seed = first; seed < first + 40; seed++)
        {
            Scheduler[] runs = [take(seed), take(seed)];
            for (int step = 0; step < Math.Min(runs[0].Step, runs[1].Step); step++)
            {
                Assert.Equal($"{seed}: {runs[0].Describe(step)}", $"{seed}: {runs[1].Describe(step)}");
            }

            Assert.Equal(runs[0].Step, runs[1].Step);
            Assert.Equal(runs[0].Fingerprint, runs[1].Fingerprint);
            Assert.NotEqual(runs[0].Fingerprint, take(seed + 1).Fingerprint);
        }
    });

    private static void Explore(string name, int atLeast, IEnumerable<string> needed, Func<int, Strata, (Scheduler Scheduler, Action Run)> make) => Scheduler.OnOwnThread(() =>
    {
        var strata = new Strata();
        using var search = new ProofSearch(name, "src/Abstractions", "src/Backends.Qed", "src/Host", "tests/Proof/Schedules.Tests");
        Console.WriteLine($"Seed of {name}: {search}");
        long done = 0;

        // The two searches of a long run are one class's, and run one after the other.
        var clock = Stopwatch.StartNew();
        TimeSpan half = LongRun.Budget("schedules", TimeSpan.Zero) / 2;
        for (long number = search.Next(); search.GoesOn(done, atLeast) && (!search.IsLong || search.Only is not null || clock.Elapsed < half); number = search.Next())
        {
            try
            {
                Take(search.SeedOf(number));
                search.Count(Measure.Schedules, 1);
                search.Completed(number);
                done++;
            }
            catch (Exception exception)
            {
                search.Count(Measure.Schedules, 1, 1);
                Assert.Fail($"{search}, case {number} (alone: ./test --filter {typeof(ScheduleTests).Name} --seed {search.Seed} --case {number}): {exception.Message}\n{exception.InnerException?.StackTrace}");
            }
        }

        string[] empty = [.. strata.Empty(needed)];
        Assert.True(empty.Length == 0 || search.Only is not null, $"{name}, {done} cases, {search}, and not one with: {string.Join(", ", empty)}");

        void Take(int seed)
        {
            (Scheduler scheduler, Action run) = make(seed, strata);
            try
            {
                run();
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"{exception.Message}\n{scheduler.Describe()}", exception);
            }
        }
    });
}
