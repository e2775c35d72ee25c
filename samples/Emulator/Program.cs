using System.Buffers.Binary;
using QedVd;
using QedVd.Host;
using QedVd.Samples.Emulator;

// emulator IMAGE: runs a guest that counts its boots in the disk's last sector. What it writes goes into IMAGE.overlay.qed; IMAGE stays as it is.
if (args.Length != 1)
{
    Console.Error.WriteLine("emulator IMAGE");
    return 2;
}

try
{
    string overlay = $"{args[0]}.overlay.qed";
    using var host = new DiskHost();
    if (!File.Exists(overlay))
    {
        await host.CreateOverlayAsync(args[0], overlay);
    }

    using VirtualDisk disk = host.OpenDisk(overlay);
    using var memory = new GuestMemory(1 << 20);
    var controller = new DiskController(disk, memory);
    bool completed = RunGuest(controller, memory);
    disk.Close();
    return completed ? 0 : 1;
}
catch (ImageException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

// The guest: loads its boot sector, looks for its counter in the last sector, adds one, and makes that durable before it says so.
static bool RunGuest(DiskController disk, GuestMemory memory)
{
    const uint BootAddress = 0x7C00;
    const uint CounterAddress = 0x8000;
    Span<byte> boot = memory.Span(BootAddress, DiskController.SectorBytes);
    Span<byte> counter = memory.Span(CounterAddress, DiskController.SectorBytes);

    (disk.Sector, disk.Count, disk.Address) = (0, 1, BootAddress);
    if (!Do(disk, DiskCommand.Read))
    {
        return false;
    }

    Console.WriteLine($"guest: {disk.Sectors} sectors; the first begins with {Convert.ToHexStringLower(boot[..8])}");

    (disk.Sector, disk.Count, disk.Address) = ((uint)disk.Sectors - 1, 1, CounterAddress);
    if (!Do(disk, DiskCommand.Read))
    {
        return false;
    }

    ReadOnlySpan<byte> mark = "BOOTS:"u8;
    uint boots = counter.StartsWith(mark) ? BinaryPrimitives.ReadUInt32LittleEndian(counter[8..]) : 0;
    mark.CopyTo(counter);
    BinaryPrimitives.WriteUInt32LittleEndian(counter[8..], ++boots);
    if (!Do(disk, DiskCommand.Write) || !Do(disk, DiskCommand.Flush))
    {
        return false;
    }

    Console.WriteLine($"guest: boot number {boots}");
    return true;
}

static bool Do(DiskController disk, DiskCommand command)
{
    disk.Execute(command);
    if (disk.Status != DiskStatus.Ready)
    {
        Console.WriteLine($"guest: {command} of sector {disk.Sector}: {disk.Status}");
    }

    return disk.Status == DiskStatus.Ready;
}
