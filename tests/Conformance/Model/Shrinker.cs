namespace QedVd.Conformance.Model;

/// <summary>Makes a failing sequence short: leaves out what is not needed for it to fail.</summary>
internal static class Shrinker
{
    /// <summary>Tries at most <paramref name="budget"/> shorter sequences; <paramref name="fails"/> says whether one still fails.</summary>
    public static async Task<T[]> ShrinkAsync<T>(T[] steps, Func<T[], Task<bool>> fails, int budget = 400)
    {
        for (int chunk = Math.Max(1, steps.Length / 2); chunk >= 1;)
        {
            bool isShorter = false;
            for (int start = 0; start < steps.Length && budget > 0; budget--)
            {
                T[] candidate = [.. steps.Take(start), .. steps.Skip(start + chunk)];
                if (candidate.Length < steps.Length && await fails(candidate))
                {
                    steps = candidate;
                    isShorter = true;
                }
                else
                {
                    start += chunk;
                }
            }

            if (budget <= 0 || (chunk == 1 && !isShorter))
            {
                break;
            }

            chunk = Math.Max(1, chunk / 2);
        }

        return steps;
    }
}
