using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>Each operation with the first, second, third ... request of its storage failing, until none fails: memory and file agree, and nothing acknowledged is lost.</summary>
public sealed class FaultTests
{
    private const int Block = SimulatedChain.Block;
    private const int Kept = (4 * Block) + 512;

    public enum Operation
    {
        Grow,
        Shrink,
        Compact,
        MakeReadOnly,
    }

    public static TheoryData<Operation, StorageOperationKind, bool> Cases
    {
        get
        {
            var cases = new TheoryData<Operation, StorageOperationKind, bool>();
            foreach (Operation operation in Enum.GetValues<Operation>())
            {
                foreach (StorageOperationKind kind in (StorageOperationKind[])[StorageOperationKind.Read, StorageOperationKind.Write, StorageOperationKind.Barrier])
                {
                    cases.Add(operation, kind, false);
                    cases.Add(operation, kind, true);
                }
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task Operation_FailingAnywhere_LeavesDiskAndFileInAgreement(Operation operation, StorageOperationKind kind, bool isSticky)
    {
        for (int nth = 1; ; nth++)
        {
            int size = operation == Operation.Shrink ? 8 * Block : Kept;
            SimulatedChain chain = new SimulatedChain(size, 16 * Block).Fill(1, 7).Fill(0, 7, Block, Block).Fill(0, 5, 0, 10);
            VirtualDisk disk = chain.Open();
            disk.Write(Block, [1]);
            disk.Flush();
            byte[] expected = TestDisks.ReadAll(disk)[..Kept];
            var fault = new StorageFault { Kind = kind, Nth = nth, IsSticky = isSticky };
            chain.Top.Fail(fault);
            bool failed = false;
            try
            {
                await RunAsync(operation, disk);
            }
            catch (ImageException)
            {
                failed = true;
            }

            string where = $"{operation}, {kind} {nth}, sticky {isSticky}, failed {failed}";
            chain.Top.ClearFaults();
            CheckLive(disk, expected, operation, failed, where);
            long length = disk.LengthBytes;
            bool isFenced = chain.Top.Fence is not null;
            await disk.DisposeAsync();

            byte[] after = chain.ReadAll();
            Assert.True(expected.AsSpan().SequenceEqual(after.AsSpan(0, Kept)), where);
            Assert.True(after.Length == length || isFenced, where);
            Assert.True(operation != Operation.Grow || !after.AsSpan(Kept).ContainsAnyExcept((byte)0), where);
            Assert.True(failed || fault.Hits == 0, where);
            if (fault.Hits == 0)
            {
                return;
            }
        }
    }

    private static ValueTask RunAsync(Operation operation, VirtualDisk disk) => operation switch
    {
        Operation.Grow => disk.ResizeAsync(12 * Block),
        Operation.Shrink => disk.ResizeAsync(Kept, mayShrink: true),
        Operation.Compact => disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }),
        _ => disk.SetReadOnlyAsync(true),
    };

    private static void CheckLive(VirtualDisk disk, byte[] expected, Operation operation, bool failed, string where)
    {
        byte[] live = TestDisks.ReadAll(disk);
        Assert.True(expected.AsSpan().SequenceEqual(live.AsSpan(0, Kept)), where);
        Assert.True(disk.Levels[0].VirtualSizeBytes == disk.LengthBytes, where);
        Assert.True(failed || operation != Operation.Grow || disk.LengthBytes == 12 * Block, where);
        Assert.True(failed || operation != Operation.Shrink || disk.LengthBytes == Kept, where);
        Assert.True(operation == Operation.MakeReadOnly ? disk.IsReadOnly == !failed : !disk.IsReadOnly, where);
        if (disk.IsReadOnly)
        {
            return;
        }

        try
        {
            disk.Write(9, [9]);
            disk.Flush();
            expected[9] = 9;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.Fenced)
        {
            // A failed barrier fences: reading goes on.
        }
    }
}
