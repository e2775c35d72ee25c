using System;
using System.Threading;
using System.Threading.Tasks;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(DisturbedBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Lets a test say what it does: before each member it calls the function in "disturb Disturbed" with the member's name, and a result other than null is its answer.</summary>
public sealed class DisturbedBackend : PlainBackend
{
    public DisturbedBackend()
        : base("disturbed") => Ask("constructor");

    public override ProbeResult Probe(in ProbeInput input) => Ask("probe") is ProbeResult answer ? answer : base.Probe(input);

    internal static object? Ask(string member) => ((Func<string, object?>?)AppContext.GetData("disturb Disturbed"))?.Invoke(member);

    protected override ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
    {
        Ask("open");
        return new(new DisturbedImage(this, storage, options.Flags));
    }
}

public sealed class DisturbedImage(PlainBackend backend, IImageStorage storage, ImageOpenFlags flags) : PlainImage(backend, storage, flags)
{
    public override long VirtualSizeBytes => DisturbedBackend.Ask("size") is long size ? size : base.VirtualSizeBytes;

    public override System.Collections.Generic.IReadOnlyList<string> Warnings => DisturbedBackend.Ask("warnings") is string[] warnings ? warnings : base.Warnings;

    public override ImageFileSize GetFileSize() => DisturbedBackend.Ask("file size") is ImageFileSize size ? size : base.GetFileSize();

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = default;
        if (DisturbedBackend.Ask("try-map") is not Extent answer)
        {
            return false;
        }

        extent = answer;
        return true;
    }

    protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        await AnswerAsync("set-beneath");
        await base.SetBeneathCore<TIo>(beneath, cancellationToken);
    }

    protected override async ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) =>
        await AnswerAsync<Extent>("map") ?? await base.MapCore<TIo>(offset, lengthBytes, cancellationToken);

    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        await AnswerAsync<ReadResult>("read") ?? await base.ReadCore<TIo>(offset, buffer, cancellationToken);

    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        await AnswerAsync<WriteResult>("write") ?? await base.WriteCore<TIo>(offset, buffer, flags, cancellationToken);

    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        await AnswerAsync<WriteResult>("zero") ?? await base.WriteZeroesCore<TIo>(offset, lengthBytes, flags, cancellationToken);

    protected override async ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        await AnswerAsync<WriteResult>("discard") ?? await base.DiscardCore<TIo>(offset, lengthBytes, flags, cancellationToken);

    protected override async ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
    {
        await AnswerAsync("flush");
        await base.FlushCore<TIo>(cancellationToken);
    }

    protected override async ValueTask CloseCore<TIo>()
    {
        // As a backend should that wants to be rid of its file whatever happens.
        await base.CloseCore<TIo>();
        await AnswerAsync("close");
    }

    // A test may answer late: with a task.
    private static async ValueTask<T?> AnswerAsync<T>(string member)
        where T : struct =>
        await AnswerAsync(member) is T answer ? answer : null;

    private static async ValueTask<object?> AnswerAsync(string member)
    {
        object? answer = DisturbedBackend.Ask(member);
        return answer is Task<object?> late ? await late : answer;
    }
}
