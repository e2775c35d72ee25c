using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Creation;

/// <summary>
/// Creation with a fault at each storage operation in turn; see <see cref="FaultLoop"/>. What becomes of the file's name then is the host's business: the
/// commands that create are failed with all others.
/// </summary>
public sealed class CreationFaultLoopTests
{
    private static readonly QedBackend s_backend = new();

    /// <summary>Whatever fails: what is there is opened by nobody, or it is a sound image of that size. In a file that is empty again it succeeds.</summary>
    [Theory]
    [InlineData(1 << 20, 4096, 2, null)]
    [InlineData(1 << 20, 4096, 2, "parent.qed")]
    [InlineData(1 << 20, 4096, 2, "long")]
    [InlineData(1 << 30, 65536, 16, null)]
    [InlineData(1 << 30, 131_072, 16, "parent.qed")]
    public async Task Create_WithAFaultAtEachOfItsOperations_LeavesAnImageOrNone_AndCanBeTriedAgain(long sizeBytes, int clusterBytes, int tableClusters, string? parent)
    {
        parent = parent == "long" ? new string('p', 3000) : parent;
        ImageCreateOptions options = Images.CreateOptions(sizeBytes, clusterBytes, tableClusters) with { Parent = parent is null ? null : new ParentReference(parent) };

        int struck = await FaultLoop.RunAsync(Scenario(s_backend, options));

        TestContext.Current.TestOutputHelper?.WriteLine($"{struck} faults");
        Assert.InRange(struck, 10, int.MaxValue);
    }

    internal static FaultScenario Scenario(IImageBackend backend, ImageCreateOptions options)
    {
        string? parent = options.Parent?.Name;
        return new FaultScenario
        {
            Name = $"create {options.VirtualSizeBytes}, {string.Join(' ', options.FormatOptions.Values)}, {parent?.Length} bytes of a parent's name",
            Backend = backend,
            File = new SimulatedFile("new.qed"),
            Before = [],
            IsDurableWhenDone = true,
            ActOnFile = async file =>
            {
                using SimulatedStorage storage = file.Open();
                if (storage.GetLength() > 0)
                {
                    // The host throws a file away whose creation failed, and begins with a new one.
                    storage.SetLength(0);
                }

                await backend.CreateAsync(storage, options);
            },
            CheckFile = async (file, isDone) =>
            {
                SimulatedStorage storage = file.Open(readOnly: true);
                IDiskImage image;
                try
                {
                    image = await s_backend.OpenAsync(storage, new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly, Time = new FakeTime() });
                }
                catch (ImageException exception) when (!isDone && exception.Kind != ImageErrorKind.Io)
                {
                    storage.Dispose();
                    return;
                }

                await using (image)
                {
                    // Of what was not made to its end, the parent's name may be torn by a crash: nobody gets to see that file.
                    Assert.Equal((options.VirtualSizeBytes, isDone ? parent : image.Parent?.Name), (image.VirtualSizeBytes, image.Parent?.Name));
                    ReadResult read = await image.ReadAsync(0, new byte[4096]);
                    Assert.Equal(ExtentKind.Free, read.Kind);
                }

                Images.AssertClean(file);
            },
        };
    }
}
