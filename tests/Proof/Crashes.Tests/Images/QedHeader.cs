using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>The header of a QED image as one text: whole, or a mixture of two.</summary>
internal static class QedHeader
{
    public const int HeaderBytes = 64;

    private const int FeaturesOffset = 16;
    private const byte NeedCheck = 2;

    /// <summary>All fields but the mark that a check is due, which comes and goes by itself, and the bytes of the parent's name.</summary>
    public static string TextOf(SimulatedFile file)
    {
        byte[] header = file.ReadBytes(0, HeaderBytes);
        header[FeaturesOffset] &= unchecked((byte)~NeedCheck);
        uint nameOffset = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(56));
        uint nameBytes = Math.Min(4096, BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(60)));
        byte[] name = nameOffset + nameBytes <= file.LengthBytes ? file.ReadBytes(nameOffset, (int)nameBytes) : [];
        return $"{Convert.ToHexString(header)} {Convert.ToHexString(name)}";
    }
}
