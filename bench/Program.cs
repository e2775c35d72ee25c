using System.Reflection;
using BenchmarkDotNet.Running;
using QedVd.Bench.Peers;

// "peers": side by side with QEMU's tools, see README.md. Anything else goes to BenchmarkDotNet.
if (args is ["peers", .. string[] peerArguments])
{
    return PeerCommand.Run(peerArguments);
}

BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args);
return 0;
