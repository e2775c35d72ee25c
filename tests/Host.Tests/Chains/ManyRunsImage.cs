namespace QedVd.Host.Tests.Chains;

/// <summary>Answers several runs at a time.</summary>
internal sealed class ManyRunsImage(IDiskImage inner, int most) : DelegatingImage(inner)
{
    public override async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
    {
        int count = 0;
        for (long end = offset + lengthBytes; offset < end && count < runs.Length && count < most; count++)
        {
            Extent run = await MapAsync(offset, end - offset, cancellationToken);
            runs.Span[count] = run;
            offset += run.LengthBytes;
        }

        return count;
    }
}
