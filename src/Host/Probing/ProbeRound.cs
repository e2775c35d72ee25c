namespace QedVd.Host;

/// <summary>What was read of a file, put before one backend after the other.</summary>
/// <remarks>A round whose backend does not come back is given up: another one goes on behind that backend, and nothing more is taken from the old one.</remarks>
internal sealed class ProbeRound(TimeProvider time, IReadOnlyList<IImageBackend> backends, string? fileName, long lengthBytes, ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end)
    : PluginWork(time)
{
    private readonly TimeProvider _time = time;
    private readonly ProbeCandidate?[] _candidates = new ProbeCandidate?[backends.Count];
    private int _asked = -1;

    public bool IsFirst { get; private init; } = true;

    /// <summary>One answer per backend, in their order. Once it has ended.</summary>
    public ProbeCandidate[] Candidates => _candidates!;

    /// <summary>What is left of a round that was given up.</summary>
    /// <param name="waited">How long was waited for the backend that it hangs in.</param>
    public ProbeRound Rest(TimeSpan waited)
    {
        ProbeRound rest = new(_time, backends, fileName, lengthBytes, start, end) { _asked = _asked, IsFirst = false };
        Array.Copy(_candidates, rest._candidates, _asked);
        rest._candidates[_asked] = new ProbeCandidate(
            backends[_asked].Info.Id, ProbeConfidence.No, $"has not answered for {PluginText.Seconds(waited)}, and is not waited for any longer; report this to its author", IsFault: true);
        return rest;
    }

    protected override void Steps()
    {
        while (_asked + 1 < backends.Count)
        {
            _asked++;
            if (!TryBegin())
            {
                return;
            }

            ProbeCandidate candidate = Ask(backends[_asked]);
            if (!TryEnd())
            {
                return;
            }

            _candidates[_asked] = candidate;
        }
    }

    protected override void GiveUpStep() => (backends[_asked] as RegisteredBackend)?.GiveUp(this);

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
