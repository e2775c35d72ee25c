using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>The second reader of QED on a simulated file.</summary>
internal sealed class SecondReading : IPlainReading
{
    private readonly SimulatedStorage _storage;
    private readonly PlainQed? _image;
    private readonly List<string> _errors = [];

    public SecondReading(SimulatedFile file)
    {
        _storage = file.Open(readOnly: true);
        try
        {
            _image = PlainQed.Open(file.LengthBytes, (offset, buffer) => _storage.Read(offset, buffer));
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
        switch (_image!.At(offset).Kind)
        {
            case PlainClusterKind.Data:
                _image.Read(offset, sector);
                return ExtentKind.Data;
            case PlainClusterKind.Zero:
                return ExtentKind.Zero;
            case PlainClusterKind.Free:
                return ExtentKind.Free;
            default:
                sector.Fill(SparseBytes.Garbage);
                return ExtentKind.Data;
        }
    }

    public void Dispose() => _storage.Dispose();
}
