namespace QedVd.Host;

/// <summary>For formats that cannot tell what they need: the data, and nothing else.</summary>
internal sealed class DataMeter(long sizeBytes) : ImageMeter
{
    private long _dataBytes;

    public override long RequiredBytes => _dataBytes;

    public override long AllocatedBytes => _dataBytes;

    public override long FullyAllocatedBytes => sizeBytes;

    public override void Add(long offset, long lengthBytes, ExtentKind kind = ExtentKind.Data) => _dataBytes += kind == ExtentKind.Data ? lengthBytes : 0;
}
