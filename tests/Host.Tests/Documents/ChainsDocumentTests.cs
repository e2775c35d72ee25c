using System.Text.RegularExpressions;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Documents;

/// <summary>The program in docs/chains.md is this one, but for where its files lie; and it does what the document says.</summary>
public sealed class ChainsDocumentTests : IDisposable
{
    private readonly TestHost _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Program_OfTheDocument_Runs()
    {
        DiskHost host = _test.Host;
        foreach (string file in (string[])["work.qed", "other.qed"])
        {
            await host.CreateImageAsync(In(file), "qed", new CreateDiskOptions { VirtualSizeBytes = 1 << 20 });
        }

        // begin
        await using VirtualDisk disk = await host.OpenDiskAsync(In("work.qed"));
        await disk.SnapshotAsync(In("next.qed"));                                         // the guest goes on in next.qed
        await foreach (DiskExtent extent in disk.DiffAsync(baseDepth: 1))                 // what it has written since, for a backup
        {
            Console.WriteLine($"{extent.Kind} {extent.OffsetBytes} {extent.LengthBytes}");
        }

        await disk.CommitAsync(new CommitOptions { MaxBytesPerSecond = 50 << 20 });       // what next.qed holds moves into work.qed
        await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up });        // next.qed takes work.qed in, whose file goes
        await disk.RebaseAsync(In("other.qed"), new RebaseOptions { ParentFormat = "qed" }); // another parent, the same content
        await disk.FlattenAsync();                                                        // no parent

        // end
        Assert.Single(disk.Levels);
        Assert.Equal(In("next.qed"), disk.Path);
        Assert.False(File.Exists(In("work.qed")));
        Assert.True(File.Exists(In("other.qed")));
    }

    [Fact]
    public async Task Program_OfTheDocument_IsTheOneThatRan()
    {
        string document = await File.ReadAllTextAsync(Checkout.PathOf("docs", "chains.md"), TestContext.Current.CancellationToken);
        string source = await File.ReadAllTextAsync(Checkout.PathOf("tests", "Host.Tests", "Documents", "ChainsDocumentTests.cs"), TestContext.Current.CancellationToken);

        string shown = Regex.Match(document, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        string ran = Regex.Match(source, "// begin\n(.*?)// end", RegexOptions.Singleline).Groups[1].Value;

        Assert.NotEmpty(Words(shown));
        Assert.Equal(Words(shown), Words(Regex.Replace(ran, @"In\((""[^""]*"")\)", "$1")));
    }

    private static string[] Words(string text) => text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);

    private string In(string file) => Path.Combine(_test.Folder, file);
}
