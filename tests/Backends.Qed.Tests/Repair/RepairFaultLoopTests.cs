using QedVd.Backends.Qed.Tests.Damage;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>Repairs and checks of images that are wrong in one way each, with a fault at each storage operation in turn; see <see cref="FaultLoop"/>.</summary>
public sealed class RepairFaultLoopTests
{
    private const int Cluster = 4096;

    private static readonly QedBackend s_backend = new();

    public static TheoryData<string> Damages => [.. Damage.Damage.All.Select(damage => damage.Name)];

    /// <summary>Whatever fails, what was reachable is kept, and the same repair leaves a clean image when it is run again.</summary>
    [Theory]
    [MemberData(nameof(Damages))]
    public async Task RepairOfAll_WithAFaultAtEachOfItsOperations_KeepsWhatIsReachable_AndCanBeTriedAgain(string name)
    {
        Damage.Damage damage = Damage.Damage.All.Single(each => each.Name == name);
        QedImageBytes image = Damage.Damage.Sound(isFlagged: true);
        damage.Apply(image);

        int struck = await FaultLoop.RunAsync(Scenario(s_backend, $"check -r all, {name}", image.File.Copy(), RepairMode.All));

        TestContext.Current.TestOutputHelper?.WriteLine($"{struck} faults");
        Assert.InRange(struck, 50, int.MaxValue);
    }

    [Theory]
    [InlineData("at the end")]
    [InlineData("between data")]
    [InlineData("in both places, on storage that punches no holes")]
    [InlineData("in both places, of an image that is marked")]
    public async Task RepairOfLeaks_WithAFaultAtEachOfItsOperations_KeepsWhatIsReachable_AndCanBeTriedAgain(string where)
    {
        QedImageBytes image = Damage.Damage.Sound(isFlagged: where.Contains("marked", StringComparison.Ordinal));
        if (!where.Contains("between", StringComparison.Ordinal))
        {
            image.SetClusters(17).Fill(14, 0xDB).Fill(15, 0xDB);
        }

        if (!where.Contains("end", StringComparison.Ordinal))
        {
            image.SetL2(4, 1, 0);
        }

        StorageFacts facts = where.Contains("punches", StringComparison.Ordinal) ? SimulatedFile.GoodFacts & ~StorageFacts.CanPunchHoles : SimulatedFile.GoodFacts;
        Assert.NotEqual(0, Images.Check(image.File).Leaks);

        int struck = await FaultLoop.RunAsync(Scenario(s_backend, $"check -r leaks, {where}", image.File.Copy(facts), RepairMode.Leaks));

        TestContext.Current.TestOutputHelper?.WriteLine($"{struck} faults");
        Assert.InRange(struck, 20, int.MaxValue);
    }

    /// <summary>A check that could not look everywhere says so; one that does not say so has found all that there is. It writes nothing.</summary>
    [Theory]
    [InlineData("two L1 entries share a table")]
    [InlineData("L1 entry is not aligned")]
    [InlineData("L2 entry lies far beyond the end")]
    [InlineData("entries of two tables share a cluster")]
    public async Task Check_WithAFaultAtEachOfItsOperations_SaysWhatIsThere_OrThatItCouldNotLook(string name)
    {
        int struck = await FaultLoop.RunAsync(Checking(s_backend, name));

        Assert.InRange(struck, 10, int.MaxValue);
    }

    internal static FaultScenario Checking(IImageBackend backend, string name)
    {
        QedImageBytes image = Damage.Damage.Sound(isFlagged: false);
        Damage.Damage.All.Single(each => each.Name == name).Apply(image);
        string content = image.File.ComputeHash();
        string truth = Found(Images.Check(image.File));
        return new FaultScenario
        {
            Name = $"check, {name}",
            Backend = backend,
            File = image.File.Copy(),
            Before = [],
            ActOnFile = async file =>
            {
                using SimulatedStorage storage = file.Open(readOnly: true);
                CheckReport report = await backend.CheckAsync(storage, new CheckOptions());
                Require(report.CheckErrors == 0, file, "could not look everywhere");
                Assert.Equal(truth, Found(report));
            },
            CheckFile = (file, _) =>
            {
                Assert.Equal(content, file.ComputeHash());
                return default;
            },
        };
    }

    internal static FaultScenario Scenario(IImageBackend backend, string name, SimulatedFile file, RepairMode mode)
    {
        DiskView before = DiskView.Of(file);
        return new FaultScenario
        {
            Name = name,
            Backend = backend,
            File = file,
            Before = [],
            IsDurableWhenDone = true,
            ActOnFile = async target =>
            {
                using SimulatedStorage storage = target.Open();
                CheckReport report = await backend.CheckAsync(storage, new CheckOptions { Repair = mode });
                Require(report.IsClean && !report.NeedsCheck, target, "not all is mended");
            },
            CheckFile = (target, isDone) =>
            {
                before.AssertKeptBy(DiskView.Of(target), () => "", isMended: isDone);
                if (isDone)
                {
                    Images.AssertClean(target);
                }

                return default;
            },
        };
    }

    private static string Found(CheckReport report) =>
        string.Join('\n', [$"{report.Corruptions} {report.Leaks}", .. report.Findings.Select(finding => finding.ToString())]);

    /// <summary>A report that says so is as good as an error.</summary>
    private static void Require(bool isTrue, SimulatedFile file, string what)
    {
        if (!isTrue)
        {
            throw new ImageException(ImageErrorKind.Io, $"{file.Name}: {what}.", file.Name, "check");
        }
    }
}
