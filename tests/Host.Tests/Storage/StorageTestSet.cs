namespace QedVd.Host.Tests.Storage;

/// <summary>What every storage does, in both forms of each call. Run over all of them.</summary>
public abstract class StorageTestSet
{
    public static TheoryData<bool> BothForms => [false, true];

    /// <summary>An empty writable storage.</summary>
    protected abstract IImageStorage Create();

    [Theory, MemberData(nameof(BothForms))]
    public async Task Read_OfWhatWasWritten_ReturnsIt(bool asynchronous)
    {
        using IImageStorage storage = Create();
        byte[] data = Pattern(100_000);

        await Form.Write(storage, asynchronous, 12_345, data);

        byte[] back = new byte[data.Length];
        Assert.Equal(data.Length, await Form.Read(storage, asynchronous, 12_345, back));
        Assert.Equal(data, back);
        Assert.Equal(112_345, storage.GetLength());
    }

    [Theory, MemberData(nameof(BothForms))]
    public async Task Read_AcrossTheEnd_IsShort_AndBeyondItReturnsNothing(bool asynchronous)
    {
        using IImageStorage storage = Create();
        await Form.Write(storage, asynchronous, 0, Pattern(5000));
        byte[] buffer = new byte[8192];

        Assert.Equal(5000, await Form.Read(storage, asynchronous, 0, buffer));
        Assert.Equal(1, await Form.Read(storage, asynchronous, 4999, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, 5000, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, long.MaxValue - 100_000, buffer));
        Assert.Equal(0, await Form.Read(storage, asynchronous, 100, Array.Empty<byte>()));
    }

    protected static byte[] Pattern(int lengthBytes, int seed = 1)
    {
        byte[] data = new byte[lengthBytes];
        new Random(seed).NextBytes(data);
        return data;
    }
}
