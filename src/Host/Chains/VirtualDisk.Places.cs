using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>Where a run lies, for those who copy and compare.</content>
public sealed partial class VirtualDisk
{
    /// <summary>The unit in which the top image allocates.</summary>
    internal int TopBlockBytes => _generation.TopBlockBytes;

    /// <summary>A disk over one level of a chain alone, for reading: what the level does not hold reads zero. Closing it leaves the level open.</summary>
    internal static VirtualDisk OverLevel(Level level, ILogger logger) => new([level], logger);

    /// <summary>The file that a run lies in, when nothing moves it there while the disk is open: a level that is open for reading only. Else null.</summary>
    internal StorageIdentity? FindFixedFile(in DiskExtent extent)
    {
        Generation generation = _generation;
        if (_filters is not null)
        {
            // What is read is not what lies there.
            return null;
        }

        if ((uint)extent.Depth >= (uint)generation.Levels.Length)
        {
            return null;
        }

        Level level = generation.Levels[extent.Depth];
        return level.Image.IsReadOnly && level.Storage is { IsReadOnly: true } storage && level.Path == extent.Path ? storage.Identity : null;
    }

    /// <summary>
    /// Lets a new image's storage share the blocks of a run instead of copying them: where the run lies in one piece in a file that nobody writes, and has
    /// one place in the new one from the start.
    /// </summary>
    /// <param name="offset">Where the run starts on both disks.</param>
    /// <param name="lengthBytes">Its length.</param>
    /// <param name="target">The new disk, which nobody else uses.</param>
    /// <param name="storage">The storage of its top image.</param>
    /// <param name="isPossible">Whether another run may do better.</param>
    /// <returns>Whether all of the run is shared; else it may be in part.</returns>
    internal bool TryShare(long offset, int lengthBytes, VirtualDisk target, IImageStorage storage, out bool isPossible)
    {
        // A format without blocks has its tables, if any, not in the way.
        isPossible = target.TopBlockBytes == 1 && _filters is null;
        Generation generation = EnterReader();
        try
        {
            if (!isPossible || !target._generation.Top.TryMap(offset, lengthBytes, out Extent place) || place.Kind != ExtentKind.Data
                || place.LengthBytes != lengthBytes || place.StorageOffset == Extent.NoOffset)
            {
                return false;
            }

            DiskExtent run = SyncIo.Complete(ChainReader.MapAsync<SyncIo>(generation, 0, offset, lengthBytes, isHintEnough: true, default));
            if (run.Kind != ExtentKind.Data || run.LengthBytes != lengthBytes || run.StorageOffset == Extent.NoOffset || FindFixedFile(run) is null
                || generation.Levels[run.Depth].Storage is not { } from || (from.Facts & StorageFacts.CanShareBlocks) == 0)
            {
                return false;
            }

            isPossible = from.CopyRange(run.StorageOffset, storage, place.StorageOffset, lengthBytes) == lengthBytes;
            return isPossible;
        }
        finally
        {
            generation.Readers.Exit();
        }
    }
}
