namespace QedVd.Backends.Qed.Tests.Format;

public sealed class QedTextTests
{
    [Theory]
    [InlineData(new byte[] { 0x61, 0x1b, 0x5b, 0x32, 0x4a, 0x0a }, @"a\x1b[2J\x0a")]
    [InlineData(new byte[] { 0xff, 0x41, 0xc3 }, @"\xffA\xc3")]
    [InlineData(new byte[] { 0xc3, 0xa4, 0x5c }, @"ä\\")]
    [InlineData(new byte[] { 0xc2, 0x9b, 0xe2, 0x80, 0xae }, @"\u{9b}\u{202e}")]
    [InlineData(new byte[] { 0x7e, 0x7f, 0xc2, 0x80, 0xc2, 0xa1 }, @"~\x7f\u{80}¡")]
    [InlineData(new byte[] { 0x00, 0x20, 0x20 }, @"\x00  ")]
    public void Escape_ShowsWhatIsPrintable_AndNamesTheRest(byte[] bytes, string expected)
    {
        Assert.Equal(expected, QedText.Escape(bytes));
    }
}
