using System.Text;
using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Runs a verb as its process would, without the process.</summary>
internal static class InProcess
{
    public static VerbOutcome Run(string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        using var streams = new StandardStreams(output, error);
        int code = VerbRunner.Run(arguments, streams, () => new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>());
        streams.Error.Flush();
        return new VerbOutcome(code, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }
}
