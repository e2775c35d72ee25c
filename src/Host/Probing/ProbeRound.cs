namespace QedVd.Host;

/// <summary>What was read of a file, put before one backend after the other.</summary>
/// <remarks>A round whose backend does not come back is given up: another one goes on behind that backend, and nothing more is taken from the old one.</remarks>
internal sealed class ProbeRound(IReadOnlyList<IImageBackend> backends, string? fileName, long lengthBytes, ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end)
{
    private readonly ProbeCandidate?[] _candidates = new ProbeCandidate?[backends.Count];
    private volatile bool _isGivenUp;
    private volatile int _asked = -1;

    /// <summary>The number of the backend whose answer is awaited; negative before the first.</summary>
    public int Asked => _asked;

    public bool IsFirst { get; private init; } = true;

    /// <summary>One answer per backend, in their order.</summary>
    public ProbeCandidate[] Run()
    {
        for (int i = _asked + 1; i < backends.Count && !_isGivenUp; i++)
        {
            _asked = i;
            _candidates[i] = Ask(backends[i]);
        }

        return _candidates!;
    }

    /// <summary>Gives up the backend that is being asked.</summary>
    /// <param name="call">The call that does not come back.</param>
    /// <param name="waited">How long was waited for it.</param>
    public ProbeRound GiveUp(Task call, TimeSpan waited)
    {
        _isGivenUp = true;
        int asked = _asked;
        ProbeRound rest = new(backends, fileName, lengthBytes, start, end) { _asked = asked, IsFirst = false };
        Array.Copy(_candidates, rest._candidates, asked);
        (backends[asked] as RegisteredBackend)?.GiveUp(call);
        rest._candidates[asked] = new ProbeCandidate(
            backends[asked].Info.Id, ProbeConfidence.No, $"has not answered for {waited.TotalSeconds:F0} s, and is not waited for any longer; report this to its author", IsFault: true);
        return rest;
    }

    private ProbeCandidate Ask(IImageBackend backend)
    {
        try
        {
            ProbeResult result = backend.Probe(new ProbeInput(start.Span, lengthBytes, fileName, end.Span));
            return new ProbeCandidate(backend.Info.Id, result.Confidence, result.Reason.Length == 0 ? "gave no reason" : result.Reason);
        }
        catch (ImageException exception)
        {
            return new ProbeCandidate(backend.Info.Id, ProbeConfidence.No, PluginText.OneLine(exception.Message), IsFault: true);
        }
    }
}
