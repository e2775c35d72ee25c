using Microsoft.Extensions.Logging.Abstractions;

namespace QedVd.Host.Tests.Chains;

/// <summary>What holds of each kind of change of a disk: what is refused before anything is asked, what is taken down, and what an image may answer.</summary>
public sealed class ChangeRuleTests
{
    private const int Block = 4096;
    private const int Unit = 64 << 10;
    private const int Size = 16 * Unit;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Kinds =>
        new(from kind in (string[])["write", "list", "zero", "discard"] from isAsync in (bool[])[false, true] select (kind, isAsync));

    /// <summary>Whether to allocate is the disk's affair, not its caller's.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public async Task AFlagThatIsNotTheGuests_IsRefused(string kind, bool isAsync)
    {
        TracedImage top = new("top", Size, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(top);

        var refusal = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ChangeAsync(disk, kind, isAsync, 0, Unit, WriteFlags.NoAllocate));

        Assert.Equal(("flags", WriteFlags.NoAllocate), (refusal.ParamName, refusal.ActualValue));
        Assert.Empty(top.Asked);
    }

    [Fact]
    public async Task AListOfBuffersThatIsMissing_IsNamed()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));
        Assert.Equal("buffers", Assert.Throws<ArgumentNullException>(() => disk.Write(0, (IReadOnlyList<ReadOnlyMemory<byte>>)null!)).ParamName);
        Assert.Equal("buffers", (await Assert.ThrowsAsync<ArgumentNullException>(async () => await disk.WriteAsync(0, (IReadOnlyList<ReadOnlyMemory<byte>>)null!, cancellationToken: Stop))).ParamName);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task AReadOnlyDisk_RefusesIt_AndSaysWhatItWas(string kind, bool isAsync)
    {
        TracedImage top = new("top", Size, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, top);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(() => ChangeAsync(disk, kind, isAsync, 3 * Unit, Unit));

        string operation = kind switch { "list" => "write", "zero" => "write zeros", _ => kind };
        Assert.Equal((ImageErrorKind.ReadOnly, operation, 3L * Unit), (refusal.Kind, refusal.Operation, refusal.OffsetBytes));
        Assert.Empty(top.Asked);
    }

    /// <summary>A list counts as a whole: none of its buffers is written when the last one has no place.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public async Task WhatDoesNotLieInsideOfTheDisk_IsRefusedBeforeAnythingIsAsked(string kind, bool isAsync)
    {
        TracedImage top = new("top", Size, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(top);

        foreach (int offset in (int[])[Size - Unit + 1, Size - (Unit / 2), -Unit, -1, Size + 1])
        {
            var refusal = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ChangeAsync(disk, kind, isAsync, offset, Unit));
            Assert.StartsWith($"top: {Unit} bytes at {offset} are not inside the disk of {Size} bytes.", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Empty(top.Asked);
        await ChangeAsync(disk, kind, isAsync, Size - Unit, Unit);
        Assert.NotEmpty(top.Asked);
    }

    [Theory, MemberData(nameof(Kinds))]
    public async Task OfNothing_IsAllowedEverywhereInTheDisk(string kind, bool isAsync)
    {
        TracedImage top = new("top", Size, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(top);
        foreach (int offset in (int[])[0, 5, Size])
        {
            await ChangeAsync(disk, kind, isAsync, offset, 0);
            disk.Read(offset, Span<byte>.Empty);
            await disk.ReadAsync(offset, Memory<byte>.Empty, Stop);
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ChangeAsync(disk, kind, isAsync, Size + 1, 0));
        Assert.Empty(top.Asked);
    }

    /// <summary>Else an operation that copies levels meanwhile would miss it.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public async Task AllOfIt_IsTakenDown_WhileThatIsWanted(string kind, bool isAsync)
    {
        var changes = new ChangeTracker(Size);
        IDiskImage image = new BlockImage("top", Size, Block);
        var generation = Generation.Rearranging([new Level { Image = image, Path = "top", FormatId = "blocks" }], changes);
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, NullLogger.Instance);

        await ChangeAsync(disk, kind, isAsync, 3 * Unit, 2 * Unit);
        await ChangeAsync(disk, kind, isAsync, (9 * Unit) - 2, 4);

        Assert.Equal([(3 * Unit, 2 * Unit), (8 * Unit, 2 * Unit)], changes.Runs());
    }

    [Theory]
    [InlineData("write", false)]
    [InlineData("write", true)]
    [InlineData("list", true)]
    [InlineData("zero", false)]
    [InlineData("zero", true)]
    [InlineData("discard", true)]
    public async Task AnImageThatDidMoreThanItWasAsked_IsAtFault(string kind, bool isAsync)
    {
        using VirtualDisk disk = TestDisks.Compose(new Boasting(new BlockImage("top", Size, Block)));

        ImageException fault = await Assert.ThrowsAsync<ImageException>(() => ChangeAsync(disk, kind, isAsync, Unit, 512));

        Assert.Equal(ImageErrorKind.BackendFault, fault.Kind);
        Assert.Null(fault.InnerException);
        Assert.StartsWith("top: backend 'blocks' answered a write of ", fault.Message, StringComparison.Ordinal);
    }

    private static async Task ChangeAsync(VirtualDisk disk, string kind, bool isAsync, long offset, int lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        byte[] bytes = new byte[lengthBytes];
        bytes.AsSpan().Fill(7);
        ReadOnlyMemory<byte>[] list = [bytes.AsMemory(0, lengthBytes / 2), bytes.AsMemory(lengthBytes / 2)];
        switch (kind, isAsync)
        {
            case ("write", false):
                disk.Write(offset, bytes, flags);
                break;
            case ("write", true):
                await disk.WriteAsync(offset, bytes, flags, Stop);
                break;
            case ("list", false):
                disk.Write(offset, list, flags);
                break;
            case ("list", true):
                await disk.WriteAsync(offset, list, flags, Stop);
                break;
            case ("zero", false):
                disk.WriteZeroes(offset, lengthBytes, flags);
                break;
            case ("zero", true):
                await disk.WriteZeroesAsync(offset, lengthBytes, flags, Stop);
                break;
            case ("discard", false):
                disk.Discard(offset, lengthBytes, flags);
                break;
            default:
                await disk.DiscardAsync(offset, lengthBytes, flags, Stop);
                break;
        }
    }

    /// <summary>Says that it has done more than all.</summary>
    private sealed class Boasting(IDiskImage inner) : DelegatingImage(inner)
    {
        protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
            new(WriteResult.Done(buffer.Length + 1));

        protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
            new(WriteResult.Done(lengthBytes + 1));

        protected override ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
            new(WriteResult.Done(lengthBytes + 1));
    }
}
