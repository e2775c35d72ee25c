using QedVd.Host;

namespace QedVd.Samples.Emulator;

/// <summary>
/// A disk controller as the guest sees it: it loads a few registers, then writes a command. Each command runs to its end on the emulation thread,
/// straight between the disk and guest memory: no copy, no task, no allocation.
/// </summary>
internal sealed class DiskController(VirtualDisk disk, GuestMemory memory)
{
    public const int SectorBytes = 512;

    public uint Sector { get; set; }

    public ushort Count { get; set; }

    public uint Address { get; set; }

    public DiskStatus Status { get; private set; }

    public long Sectors => disk.LengthBytes / SectorBytes;

    public void Execute(DiskCommand command)
    {
        long offset = Sector * (long)SectorBytes;
        int lengthBytes = Count * SectorBytes;
        if (command != DiskCommand.Flush && (Sector + (long)Count > Sectors || !memory.Has(Address, lengthBytes)))
        {
            Status = DiskStatus.BadRequest;
            return;
        }

        try
        {
            switch (command)
            {
                case DiskCommand.Read: disk.Read(offset, memory.Span(Address, lengthBytes)); break;
                case DiskCommand.Write: disk.Write(offset, memory.Span(Address, lengthBytes)); break;
                case DiskCommand.Trim: disk.Discard(offset, lengthBytes); break;
                case DiskCommand.Flush: disk.Flush(); break;
                default: Status = DiskStatus.BadRequest; return;
            }

            Status = DiskStatus.Ready;
        }
        catch (ImageException exception)
        {
            // A full volume of the host is no fault of the guest's disk: a real emulator pauses here until there is room, and tries again.
            Status = exception.IsRetryable ? DiskStatus.Paused : DiskStatus.Failed;
            Console.Error.WriteLine(exception.Message);
        }
    }
}
