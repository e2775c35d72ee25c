namespace QedVd.Host.Tests;

public sealed class BackendInfoRulesTests
{
    private static readonly BackendInfo s_good = new FakeBackend().Info;

    public static TheoryData<string, BackendInfo> Wrong => new()
    {
        { "Info.Id is 'QED'; allowed: 1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first.", s_good with { Id = "QED" } },
        { "Info.Id is ''; allowed:", s_good with { Id = "" } },
        { "Info.Id is null; allowed:", s_good with { Id = null! } },
        { "Info.Id is '2img'; allowed:", s_good with { Id = "2img" } },
        { "Info.Id is 'a/b'; allowed:", s_good with { Id = "a/b" } },
        { "Info.Id is '.hidden'; allowed:", s_good with { Id = ".hidden" } },
        { "Info.Id is 'qed'; allowed:", s_good with { Id = "qed\n" } },
        { "Info.Id is 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; allowed:", s_good with { Id = new string('a', 33) } },
        { "Info.DisplayName is null; allowed: one line of 1 to 100 characters.", s_good with { DisplayName = null! } },
        { "Info.DisplayName is ''; allowed:", s_good with { DisplayName = "  " } },
        { "Info.DisplayName is 'two lines'; allowed:", s_good with { DisplayName = "two\nlines" } },
        { "Info.DisplayName is 'xxx", s_good with { DisplayName = new string('x', 101) } },
        { "Info.Capabilities is '1073741824'; allowed: capabilities that the contract names.", s_good with { Capabilities = (ImageCapabilities)(1 << 30) } },
        { "Info.ProbeBytes is '-1'; allowed: 0 or more.", s_good with { ProbeBytes = -1 } },
        { "Info.FileExtensions is null; allowed: a list, empty where there is none.", s_good with { FileExtensions = null! } },
        { "Info.FileExtensions is 'qed'; allowed: lower case, a dot first.", s_good with { FileExtensions = [".ok", "qed"] } },
        { "Info.FileExtensions is null; allowed: lower case, a dot first.", s_good with { FileExtensions = [null!] } },
        { "Info.FileExtensions is 'a longer list'; allowed: at most 32 extensions.", s_good with { FileExtensions = [.. Enumerable.Repeat(".x", 33)] } },
        { "Info.Options is null; allowed: a list", s_good with { Options = null! } },
        { "Info.Options is null; allowed: no null in it.", s_good with { Options = [null!] } },
        { "Info.Options is 'a longer list'; allowed: at most 64 options.", s_good with { Options = [.. Enumerable.Repeat(Option("a"), 65)] } },
        { "the name of an option is '9'; allowed:", s_good with { Options = [Option("9")] } },
        { "the name of an option is null; allowed:", s_good with { Options = [Option(null!)] } },
        { "the name of an option is 'twice'; allowed: each name once.", s_good with { Options = [Option("twice"), Option("twice")] } },
        { "the kind of option 'size' is '9'; allowed: a kind that the contract names.", s_good with { Options = [Option("size") with { Kind = (OptionKind)9 }] } },
        { "the description of option 'size' is null; allowed:", s_good with { Options = [Option("size") with { Description = null! }] } },
        { "the default of option 'size' is 'a b'; allowed:", s_good with { Options = [Option("size") with { DefaultValue = "a\tb" }] } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Description_ThatIsWrong_IsRefusedWithFieldValueAndRule(string says, BackendInfo info)
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new BackendCatalog().Add(new FakeBackend { Info = info }));

        Assert.StartsWith($"the backend 'QedVd.Host.Tests.FakeBackend' describes itself wrongly: {says}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Description_AtItsLimits_IsAccepted()
    {
        BackendInfo info = s_good with
        {
            Id = new string('a', 32),
            DisplayName = new string('x', 100),
            Capabilities = (ImageCapabilities)(((int)ImageCapabilities.Preferred << 1) - 1),
            ProbeBytes = int.MaxValue,
            FileExtensions = [.. Enumerable.Repeat(".x", 32)],
            Options = [.. Enumerable.Range(0, 64).Select(index => Option($"option_{index}"))],
        };

        Assert.Equal(info.Id, BackendInfoRules.Copy(info, "Type").Id);
    }

    [Fact]
    public void Description_IsCopied_SoThatListsOfThePluginDoNotChangeIt()
    {
        List<string> extensions = [".one"];
        List<OptionDescriptor> options = [Option("one")];

        BackendInfo copy = BackendInfoRules.Copy(s_good with { FileExtensions = extensions, Options = options }, "Type");
        extensions.Add("nonsense");
        options.Clear();

        Assert.Equal([".one"], copy.FileExtensions);
        Assert.Equal("one", Assert.Single(copy.Options).Name);
    }

    private static OptionDescriptor Option(string name) => new(name, OptionKind.Size, "An option.");
}
