namespace QedVd.Host.Tests.Maintenance;

internal static class Waiting
{
    /// <summary>Waits for something that comes about without a task to await. A limit of 30 s turns a test that would hang into one that fails.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        long end = Environment.TickCount64 + 30_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, "what the test waits for does not come about");
            await Task.Yield();
        }
    }
}
