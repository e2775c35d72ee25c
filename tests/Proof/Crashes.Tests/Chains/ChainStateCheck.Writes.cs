using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <content>Whoever goes on with what a crash has left.</content>
internal sealed partial class ChainStateCheck
{
    private const int Writes = 6;

    /// <summary>
    /// What is written next to the disk changes nothing else: it reads so, also when it is opened once more, and to a second reader; no other file changes; what
    /// is lost of the room is given back, and changes nothing. False where the disk cannot be opened before the command has done its work, or a check is due.
    /// </summary>
    public async Task<bool> ShouldTakeWritesAsync(Random random)
    {
        if (_disk is not var (top, found) || PlainChain.Read(top.Path, top.Format) is null)
        {
            return false;
        }

        GuestBytes view = found.Clone();
        FolderBytes others = FolderBytes.Of(Folder);
        using (VirtualDisk disk = bench.Host.OpenDisk(top.Path, before.Options with { Format = top.Format }))
        {
            int block = Math.Max(SparseBytes.SectorBytes, disk.Levels[0].BlockBytes);
            IReadOnlyList<GuestChange> changes = ChainPlan.DrawChanges(random, view.LengthBytes, block, Writes, wholeSectors: true);
            await Guest.ApplyAsync(disk, view, changes).ConfigureAwait(false);
            await view.ShouldBeReadFromAsync(disk, "written to").ConfigureAwait(false);
            await disk.FlushAsync().ConfigureAwait(false);
            await disk.CloseAsync().ConfigureAwait(false);
        }

        await ShouldReadAsync(top, "written to and opened again", view).ConfigureAwait(false);
        string[] changed = [.. others.ChangedIn(FolderBytes.Of(Folder)).Where(file => Path.Combine(Folder, file) != top.Path)];
        Assert.True(changed.Length == 0, $"{string.Join(", ", changed)} changed as {top.Name} was written to");
        foreach (string file in Directory.GetFiles(Folder, "*.qed", s_all))
        {
            CheckReport report = await bench.Host.CheckAsync(file, new CheckOptions { Repair = RepairMode.Leaks }, new ImageOpenRequest { Format = "qed" }).ConfigureAwait(false);
            Assert.True(report.IsClean, $"{Path.GetFileName(file)} has {report.Corruptions} errors and {report.Leaks} leaks when the disk was written to and leaks were given back");
        }

        await ShouldReadAsync(top, "written to, and leaks given back", view).ConfigureAwait(false);
        foreach (ChainLevel level in Unchanged().Where(level => File.Exists(level.Path)))
        {
            await ShouldReadAsync(level, "beneath what was written to", level.View).ConfigureAwait(false);
        }

        return true;
    }
}
