using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>The second reader of QED on a simulated file.</summary>
internal sealed class SecondReading : IPlainReading
{
    private readonly SimulatedFile _file;
    private readonly PlainQed? _image;
    private readonly List<string> _errors = [];
    private long _clusterStart = -1;
    private PlainCluster _cluster;

    public SecondReading(SimulatedFile file)
    {
        _file = file;
        try
        {
            _image = PlainQed.Open(file.LengthBytes, _file.ReadBytes);
            PlainCheck check = _image.Check();
            if (check.Corruptions > 0)
            {
                _errors.Add($"{check.Corruptions} corruptions");
            }
        }
        catch (PlainQedException exception)
        {
            _errors.Add(exception.Message);
        }
    }

    public long VirtualSizeBytes => _image?.VirtualSizeBytes ?? -1;

    public bool NeedsCheck => _image?.NeedsCheck ?? false;

    public IReadOnlyList<string> Errors => _errors;

    public ExtentKind Read(long offset, Span<byte> sector)
    {
        // It keeps nothing: each sector's entries would be read again.
        long start = offset - (offset % _image!.ClusterBytes);
        if (start != _clusterStart)
        {
            (_clusterStart, _cluster) = (start, _image.At(start));
        }

        switch (_cluster.Kind)
        {
            case PlainClusterKind.Data:
                return _file.ReadBytes(_cluster.FileOffset + (offset - start), sector) == sector.Length
                    ? ExtentKind.Data
                    : throw new PlainQedException("file", $"ends inside the cluster at {_cluster.FileOffset}");
            case PlainClusterKind.Zero:
                return ExtentKind.Zero;
            case PlainClusterKind.Free:
                return ExtentKind.Free;
            default:
                sector.Fill(SparseBytes.Garbage);
                return ExtentKind.Data;
        }
    }

    public void Dispose()
    {
    }
}
