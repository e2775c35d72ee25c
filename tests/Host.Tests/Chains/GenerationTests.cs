namespace QedVd.Host.Tests.Chains;

public sealed class GenerationTests
{
    [Theory]
    [InlineData(0, 4096, 0)]
    [InlineData(1, 4096, 4096)]
    [InlineData(4096, 4096, 4096)]
    [InlineData(4097, 4096, 8192)]
    [InlineData(7, 1, 7)]
    [InlineData(long.MaxValue - 4095, 4096, long.MaxValue - 4095)]
    [InlineData(long.MaxValue - 4094, 4096, long.MaxValue)]
    [InlineData(long.MaxValue, 4096, long.MaxValue)]
    [InlineData(long.MaxValue, 1, long.MaxValue)]
    public void EndOfABlock_IsTheLargestNumber_WhereItWouldBeMore(long value, int block, long end) => Assert.Equal(end, Generation.RoundUp(value, block));
}
