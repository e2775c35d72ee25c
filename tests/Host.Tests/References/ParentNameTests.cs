namespace QedVd.Host.Tests.References;

public sealed class ParentNameTests
{
    [Theory]
    [InlineData("base.qed")]
    [InlineData("./with:colon")]
    [InlineData("../other/base.qed")]
    [InlineData("/abs/base:1.qed")]
    [InlineData(" trailing space ")]
    [InlineData("file")]
    [InlineData("-r")]
    public void PlainName_IsTaken(string name) => Assert.Equal(name, ParentName.GetPlain(new ParentReference(name), out _));

    [Theory]
    [InlineData("json:{\"driver\":\"raw\"}")]
    [InlineData("nbd://host/disk")]
    [InlineData("nbd:unix:/run/x")]
    [InlineData("http://host/x")]
    [InlineData("file:base.qed")]
    [InlineData("fat:dir")]
    [InlineData("blkdebug::x")]
    [InlineData("fd:0")]
    [InlineData("driver:with/slash")]
    [InlineData(":x")]
    [InlineData("a\0b")]
    public void NameThatIsNoPlainFileName_IsNotTaken(string name)
    {
        Assert.Null(ParentName.GetPlain(new ParentReference(name), out string reason));
        Assert.NotEmpty(reason);
    }

    [Fact]
    public void Name_ThatIsNotUtf8_IsNotTaken() => Assert.Null(ParentName.GetPlain(new ParentReference([0x62, 0xff]), out _));

    [Theory]
    [InlineData(4095, true)]
    [InlineData(4096, false)]
    [InlineData(0, false)]
    public void Name_HasAtMost4095Bytes(int length, bool isTaken) =>
        Assert.Equal(isTaken, ParentName.GetPlain(new ParentReference(new string('a', length)), out _) is not null);

    [Fact]
    public void Resolve_IsRelativeToTheChild_AndNormalised()
    {
        Assert.Equal("/images/base.qed", ParentName.TryResolve(new ParentReference("x/../base.qed"), "/images/top.qed"));
        Assert.Equal("/base.qed", ParentName.TryResolve(new ParentReference("../../../base.qed"), "/images/top.qed"));
        Assert.Equal("/elsewhere/base.qed", ParentName.TryResolve(new ParentReference("/elsewhere/base.qed"), "/images/top.qed"));
        Assert.Null(ParentName.TryResolve(new ParentReference("nbd:x"), "/images/top.qed"));
    }

    [Theory]
    [InlineData("/i/base.qed", "/i/top.qed", "base.qed")]
    [InlineData("/i/base.qed", "/i/sub/top.qed", "../base.qed")]
    [InlineData("/i/sub/base.qed", "/i/top.qed", "sub/base.qed")]
    [InlineData("/i/a:b.qed", "/i/top.qed", "./a:b.qed")]
    public void RecordedName_IsRelative_AndNeverLooksLikeAScheme(string parent, string overlay, string expected)
    {
        Assert.Equal(expected, RelativeName.Of(parent, overlay, isAbsoluteWanted: false));
        Assert.Equal(parent, RelativeName.Of(parent, overlay, isAbsoluteWanted: true));
    }

    [Theory]
    [InlineData("plain ä 漢.qed", "plain ä 漢.qed")]
    [InlineData("a\nb\u001b[31m\u202e", @"a\u{a}b\u{1b}[31m\u{202e}")]
    [InlineData("\u009b\u2028", @"\u{9b}\u{2028}")]
    public void DisplayText_KeepsNothingATerminalActsOn(string text, string shown) => Assert.Equal(shown, DisplayText.Escape(text));

    [Fact]
    public void DisplayText_ShowsHalfOfAPairAsANumber() => Assert.Equal(@"\u{d800}x", DisplayText.Escape("\ud800x"));

    [Fact]
    public void DisplayText_ShowsBytesThatAreNotUtf8() => Assert.Equal(@"a\xff\x1bé".Replace(@"\x1b", @"\u{1b}", StringComparison.Ordinal), DisplayText.Escape([0x61, 0xff, 0x1b, 0xc3, 0xa9]));
}
