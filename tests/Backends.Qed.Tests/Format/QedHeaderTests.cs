using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

public sealed class QedHeaderTests
{
    private const ulong BackingFile = 1;

    [Fact]
    public void Parse_EmptyFile_IsTooShort()
    {
        ImageException error = Assert.Throws<ImageException>(() => QedHeader.Parse([], 0, "a.qed"));

        Assert.Equal(ImageErrorKind.NotThisFormat, error.Kind);
        Assert.Equal("a.qed: not a QED image: too short (0 bytes; a QED image has at least 8192).", error.Message);
        Assert.Equal("open", error.Operation);
    }

    [Fact]
    public void Parse_FourBytesThatAreNoMagic_AreShown()
    {
        ImageException error = Assert.Throws<ImageException>(() => QedHeader.Parse("QFI\xfb"u8[..4], 4, "a.qed"));

        Assert.Equal(ImageErrorKind.NotThisFormat, error.Kind);
        Assert.Contains("magic is 0x514649", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(63)]
    public void Parse_FileThatEndsInsideTheHeader_IsTruncated(int length)
    {
        ImageException error = Assert.Throws<ImageException>(() => QedHeader.Parse(new QedHeaderBytes().ToArray().AsSpan(0, length), length, "a.qed"));

        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Equal($"a.qed: header truncated: the file has {length} bytes, the header alone needs 64.", error.Message);
        Assert.Equal("open", error.Operation);
    }

    [Fact]
    public void Parse_OtherMagic_IsNotThisFormat()
    {
        ImageException error = Assert.Throws<ImageException>(() => new QedHeaderBytes { Magic = 0x01444551 }.Parse());

        Assert.Equal(ImageErrorKind.NotThisFormat, error.Kind);
        Assert.Contains("magic is 0x51454401", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2048)]
    [InlineData(4097)]
    [InlineData(1u << 31)]
    [InlineData(128u << 20)]
    public void Parse_BadClusterSize_NamesFieldValueAndRange(uint value)
    {
        ImageException error = Rejects(new QedHeaderBytes { ClusterSize = value, L1Offset = 1L << 40 }, 1L << 50);

        Assert.Equal($"a.qed: header field cluster_size is {value}: allowed: powers of two from 4096 to 67108864.", error.Message);
        Assert.Equal(4, error.OffsetBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(32)]
    [InlineData(1u << 31)]
    public void Parse_BadTableSize_NamesFieldValueAndRange(uint value)
    {
        ImageException error = Rejects(new QedHeaderBytes { TableSize = value }, 1L << 50);

        Assert.Equal($"a.qed: header field table_size is {value}: allowed: powers of two from 1 to 16.", error.Message);
    }

    [Fact]
    public void Parse_TableOfOneCluster_IsReadable()
    {
        QedHeader header = new QedHeaderBytes { TableSize = 1 }.Parse();

        Assert.Equal(512, header.Geometry.EntriesPerTable);
        Assert.Equal(["clusters of 4096 bytes and tables of 1 cluster: legal, but QEMU cannot open such an image"], QedWarnings.Of(header, 8192));
    }

    [Fact]
    public void Parse_LargestGeometry_IsAcceptedWithAWarning()
    {
        QedHeaderBytes bytes = new() { ClusterSize = 64 << 20, TableSize = 16, L1Offset = 64 << 20, ImageSize = 1L << 62 };

        QedHeader header = bytes.Parse();

        Assert.Equal(1L << 30, header.Geometry.TableBytes);
        Assert.Contains(QedWarnings.Of(header, bytes.FileLength), warning => warning.Contains("QEMU cannot open", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0xffffffffu)]
    [InlineData(0x100000u)] // 2^32 bytes: 0 in 32 bits
    [InlineData(4u)]
    public void Parse_HeaderAreaOfNothing_OrBeyondTheFile_IsRejected(uint clusters)
    {
        ImageException error = Rejects(new QedHeaderBytes { HeaderSize = clusters });

        Assert.Equal($"a.qed: header field header_size is {clusters}: clusters of 4096 bytes; allowed: at least 1, and all of them inside the file of 12288 bytes.", error.Message);
    }

    [Fact]
    public void Parse_HeaderAreaUpToTheEndOfTheFile_LeavesNoRoomForL1()
    {
        ImageException error = Rejects(new QedHeaderBytes { HeaderSize = 3, L1Offset = 3 * 4096 }, 3 * 4096);

        Assert.Contains("l1_table_offset is 12288: allowed: the table of 8192 bytes ends inside the file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_HeaderAreaOverL1_IsRejected()
    {
        ImageException error = Rejects(new QedHeaderBytes { HeaderSize = 2 });

        Assert.Equal("a.qed: header field l1_table_offset is 4096: allowed: at or behind the end of the header area at 8192.", error.Message);
    }

    [Fact]
    public void Parse_HeaderAreaOfSeveralClusters_AndL1Elsewhere_AreAccepted()
    {
        QedHeader header = new QedHeaderBytes { HeaderSize = 3, L1Offset = 10 * 4096 }.Parse();

        Assert.Equal(3 * 4096, header.HeaderAreaBytes);
        Assert.Equal(10 * 4096, header.L1TableOffset);
    }

    [Theory]
    [InlineData(0x8, "0x8")]
    [InlineData(0x8000000000000001, "0x8000000000000000")]
    public void Parse_UnknownFeature_IsUnsupported_AndListsTheBits(ulong features, string bits)
    {
        ImageException error = Assert.Throws<ImageException>(() => new QedHeaderBytes { Features = features }.Parse());

        Assert.Equal(ImageErrorKind.UnsupportedFeature, error.Kind);
        Assert.Contains($"features has bits {bits} ", error.Message, StringComparison.Ordinal);
        Assert.Equal("open", error.Operation);
    }

    [Fact]
    public void Parse_UnknownCompatAndAutoclearBits_AreKept()
    {
        QedHeader header = new QedHeaderBytes { Compat = 0x8000000000000001, Autoclear = 0x10 }.Parse();

        Assert.Equal(0x8000000000000001, header.UnknownCompatFeatures);
        Assert.Equal(0x10UL, header.UnknownAutoclearFeatures);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void Parse_NoProbeWithoutBacking_IsIgnored(ulong features)
    {
        QedHeader header = new QedHeaderBytes { Features = features, NameOffset = uint.MaxValue, NameSize = uint.MaxValue }.Parse();

        Assert.False(header.HasParent);
        Assert.False(header.ParentIsRaw);
    }

    [Theory]
    [InlineData(0UL, "at or behind the end of the header area at 4096")]
    [InlineData(2048UL, "multiples of the cluster size 4096")]
    [InlineData(4096UL + 512, "multiples of the cluster size 4096")]
    [InlineData(4096UL * 19, "ends inside the file, which has 81920 bytes")]
    [InlineData(1UL << 40, "ends inside the file, which has 81920 bytes")]
    [InlineData(ulong.MaxValue - 4095, "ends inside the file, which has 81920 bytes")]
    public void Parse_BadL1Offset_IsRejected_WithTheReason(ulong offset, string reason)
    {
        ImageException error = Rejects(new QedHeaderBytes { L1Offset = offset }, 20 * 4096);

        Assert.Contains($"l1_table_offset is {offset}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_L1ThatEndsInThePartialTail_IsRejected_AndTheLengthIsNamed()
    {
        ImageException error = Rejects(new QedHeaderBytes(), (3 * 4096) - 1);

        Assert.Contains("12287 bytes (8192 in whole clusters)", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(512UL)]
    [InlineData(1UL << 32)] // exactly what 4 KiB x 2 can address
    public void Parse_LegalSize_IsAccepted(ulong size)
    {
        Assert.Equal((long)size, new QedHeaderBytes { ImageSize = size }.Parse().VirtualSizeBytes);
    }

    [Theory]
    [InlineData(511UL, "multiples of 512")]
    [InlineData((1UL << 32) + 512, "at most 4294967296 ")]
    [InlineData(1UL << 60, "at most 4294967296 ")]
    [InlineData(1UL << 63, "at most 4294967296 ")]
    [InlineData(ulong.MaxValue - 511, "at most 4294967296 ")]
    public void Parse_BadSize_IsRejected_AndTheBoundIsNamed(ulong size, string bound)
    {
        ImageException error = Rejects(new QedHeaderBytes { ImageSize = size });

        Assert.Contains($"image_size is {size}", error.Message, StringComparison.Ordinal);
        Assert.Contains(bound, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue - 511)]
    public void Parse_SizeBeyondASignedNumber_IsRejected_WhateverTheGeometry(ulong size)
    {
        Rejects(new QedHeaderBytes { ClusterSize = 64 << 20, TableSize = 16, L1Offset = 64 << 20, ImageSize = size });
    }

    [Fact]
    public void Parse_OneExbibyteWith64KTables16_NamesTheGeometrysMaximum()
    {
        ImageException error = Rejects(new QedHeaderBytes { ClusterSize = 65536, TableSize = 16, L1Offset = 65536, ImageSize = 1UL << 60 });

        Assert.Contains("at most 1125899906842624 ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4090u, 6u)]
    [InlineData(64u, 1023u)]
    [InlineData(64u, 1024u)]
    [InlineData(0u, 3u)]
    public void Parse_NameInsideTheHeaderArea_IsAccepted(uint offset, uint size)
    {
        QedHeader header = new QedHeaderBytes { Features = BackingFile, NameOffset = offset, NameSize = size }.Parse();

        Assert.True(header.HasParent);
    }

    [Theory]
    [InlineData(4090u, 7u)]
    [InlineData(4096u, 1u)]
    [InlineData(4097u, 0u)]
    [InlineData(uint.MaxValue, uint.MaxValue)]
    [InlineData(1u, uint.MaxValue)] // 2^32: 0 in 32 bits
    public void Parse_NameOutsideTheHeaderArea_IsRejected(uint offset, uint size)
    {
        ImageException error = Rejects(new QedHeaderBytes { Features = BackingFile, NameOffset = offset, NameSize = size });

        Assert.Equal($"a.qed: header field backing_filename_offset is {offset}: allowed: the name of {size} bytes ends inside the header area of 4096 bytes.", error.Message);
    }

    [Theory]
    [InlineData(0UL, false, false, false)]
    [InlineData(1UL, true, false, false)]
    [InlineData(2UL, false, true, false)]
    [InlineData(4UL, false, false, false)]
    [InlineData(5UL, true, false, true)]
    [InlineData(7UL, true, true, true)]
    public void Parse_Features_SayWhatTheyAre(ulong features, bool hasParent, bool needsCheck, bool isRaw)
    {
        QedHeader header = new QedHeaderBytes { Features = features, NameOffset = 64, NameSize = 3 }.Parse();

        Assert.Equal((hasParent, needsCheck, isRaw), (header.HasParent, header.NeedsCheck, header.ParentIsRaw));
    }

    [Fact]
    public void Parse_LongestName_IsAccepted_AndOneByteMoreIsNot()
    {
        QedHeaderBytes bytes = new() { Features = BackingFile, HeaderSize = 2, L1Offset = 8192, NameOffset = 64, NameSize = 4095 };

        Assert.True(bytes.Parse().HasParent);
        ImageException error = Rejects(bytes with { NameSize = 4096 });
        Assert.Equal("a.qed: header field backing_filename_size is 4096: allowed: at most 4095 bytes.", error.Message);
    }

    [Fact]
    public void Parse_NameOfLengthZero_IsNoParent_WithAWarning()
    {
        QedHeader header = new QedHeaderBytes { Features = BackingFile | 4, NameOffset = 64 }.Parse();

        Assert.False(header.HasParent);
        Assert.Contains(QedWarnings.Of(header, 12288), warning => warning.Contains("length 0", StringComparison.Ordinal));
    }

    [Fact]
    public void WriteTo_GivesBackEveryFieldAsItWasRead_AndTouchesNothingBehind()
    {
        byte[] bytes = new QedHeaderBytes
        {
            ClusterSize = 65536,
            TableSize = 8,
            HeaderSize = 2,
            Features = 7,
            Compat = 0x123456789abcdef0,
            Autoclear = 0xfedcba9876543210,
            L1Offset = 0x50000,
            ImageSize = 0x1234567800,
            NameOffset = 0x1fff0,
            NameSize = 9,
        }.ToArray();
        byte[] written = new byte[100];
        written.AsSpan().Fill(0xAB);

        QedHeader.Parse(bytes, 1 << 30, "a.qed").WriteTo(written);

        Assert.Equal(bytes, written[..64]);
        Assert.All(written[64..], value => Assert.Equal(0xAB, value));
    }

    /// <summary>Random and nearly right headers, against files of all lengths: an answer or an <see cref="ImageException"/>, nothing else.</summary>
    [Fact]
    public void Parse_AnyBytes_NeverThrowsAnythingElse()
    {
        long seed = QedVd.TestKit.LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        int accepted = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] bytes = HeaderFuzz.Next(random, out long fileLength);
            try
            {
                QedHeader header = QedHeader.Parse(bytes, fileLength, "a.qed");
                accepted++;

                // What was accepted holds what the rest of the code relies on.
                Assert.InRange(header.L1TableOffset, header.HeaderAreaBytes, fileLength - header.Geometry.TableBytes);
                Assert.InRange(header.VirtualSizeBytes, 0, header.Geometry.MaxVirtualSizeBytes);
                Assert.True(!header.HasParent || header.BackingNameOffset + (long)header.BackingNameSize <= header.HeaderAreaBytes);
            }
            catch (ImageException error)
            {
                Assert.StartsWith("a.qed: ", error.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(accepted, 100, 199_900);
    }

    private static ImageException Rejects(QedHeaderBytes bytes, long? fileLength = null)
    {
        ImageException error = Assert.Throws<ImageException>(() => bytes.Parse(fileLength));
        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Equal("a.qed", error.Path);
        Assert.Equal("open", error.Operation);
        return error;
    }
}
