namespace QedVd.Backends.Qed;

/// <summary>Whether a file is a QED image, from its first bytes.</summary>
internal static class QedProbe
{
    /// <summary>Stands for the file in the reader's messages; probing has no name for it, and whoever shows the answer has said it.</summary>
    private const string NoName = "header";

    public static ProbeResult Look(in ProbeInput input)
    {
        if (!QedHeaderReader.HasMagic(input.Start))
        {
            return new ProbeResult(ProbeConfidence.No, input.Start.Length < 4 ? "too short for the magic \"QED\\0\"" : "no magic \"QED\\0\" at 0");
        }

        if (input.Start.Length < QedHeader.SizeBytes && input.LengthBytes > input.Start.Length)
        {
            return new ProbeResult(ProbeConfidence.Certain, "magic \"QED\\0\" at 0");
        }

        try
        {
            QedHeader header = QedHeader.Parse(input.Start, input.LengthBytes, NoName);
            return new ProbeResult(ProbeConfidence.Certain, $"magic \"QED\\0\" at 0, cluster size {header.Geometry.ClusterBytes}, disk of {header.VirtualSizeBytes} bytes");
        }
        catch (ImageException exception)
        {
            return new ProbeResult(ProbeConfidence.Certain, $"magic \"QED\\0\" at 0, but it will not open: {exception.Message[(NoName.Length + 2)..].TrimEnd('.')}");
        }
    }
}
