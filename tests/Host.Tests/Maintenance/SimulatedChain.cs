using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>A chain of images of test blocks in simulated files: parents first filled, then opened beneath a writable top.</summary>
internal sealed class SimulatedChain
{
    public const int Block = 4096;

    private readonly MemoryBackend _backend = new(canMaintain: true);
    private readonly List<SimulatedFile> _files = [];

    /// <param name="sizesBytes">Of the levels, top first.</param>
    public SimulatedChain(params int[] sizesBytes)
    {
        for (int i = 0; i < sizesBytes.Length; i++)
        {
            var file = new SimulatedFile($"level {i}");
            using SimulatedStorage storage = file.Open();
            _backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = sizesBytes[i], Parent = i < sizesBytes.Length - 1 ? new ParentReference($"level {i + 1}") : null });
            _files.Add(file);
        }
    }

    public SimulatedFile Top => _files[0];

    /// <summary>Whether images that are opened for reading may be made writable later, as those in files may.</summary>
    public bool AreParentsWritable { get; init; }

    /// <summary>Fills a level with one byte value.</summary>
    public SimulatedChain Fill(int level, byte value, int offset = 0, int? lengthBytes = null)
    {
        using IDiskImage image = _backend.Open(_files[level].Open(), new ImageOpenOptions());
        image.SetBeneath(Beneath.Nothing);
        byte[] data = new byte[lengthBytes ?? (image.VirtualSizeBytes - offset)];
        data.AsSpan().Fill(value);
        for (int at = 0; at < data.Length;)
        {
            at += (int)image.Write(offset + at, data.AsSpan(at)).LengthBytes;
        }

        return this;
    }

    public IDiskImage OpenImage(int level, bool readOnly) =>
        _backend.Open(_files[level].Open(readOnly && !AreParentsWritable), new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });

    public VirtualDisk Open(bool readOnly = false, Func<IDiskImage, IDiskImage>? aroundTop = null)
    {
        IDiskImage top = OpenImage(0, readOnly);
        return TestDisks.Compose(
            new DiskOpenOptions { ReadOnly = readOnly },
            [aroundTop is null ? top : aroundTop(top), .. Enumerable.Range(1, _files.Count - 1).Select(level => OpenImage(level, readOnly: true))]);
    }

    public byte[] ReadAll()
    {
        using VirtualDisk disk = Open(readOnly: true);
        return TestDisks.ReadAll(disk);
    }
}
