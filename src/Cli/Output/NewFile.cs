using QedVd.Cli.CommandLine;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>
/// A plain file that appears under its name only when it is complete. Until then it lies beside it under another name, and disposal without
/// <see cref="Complete"/> removes it.
/// </summary>
internal sealed class NewFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporary;
    private readonly bool _overwrite;
    private bool _isComplete;

    public NewFile(string path, bool overwrite)
    {
        _path = HostPath.Full(path);
        _overwrite = overwrite;
        RefuseExisting(path);
        string folder = Path.GetDirectoryName(_path) ?? throw new CliException($"{path}: not a file name.");
        _temporary = Path.Combine(folder, $".{Path.GetFileName(_path)}.{Environment.ProcessId:x}.tmp");
        Stream = new FileStream(_temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 });
    }

    public FileStream Stream { get; }

    public void Complete()
    {
        Stream.Dispose();
        File.Move(_temporary, _path, _overwrite);
        _isComplete = true;
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (!_isComplete)
        {
            File.Delete(_temporary);
        }
    }

    private void RefuseExisting(string given)
    {
        if (Directory.Exists(_path))
        {
            throw new CliException($"{given}: is a folder; name a file.");
        }

        if (!File.Exists(_path))
        {
            return;
        }

        if (!_overwrite)
        {
            throw new CliException($"{given}: exists already; give --overwrite to replace it, or another name.");
        }

        // The host opens plain files only, and not while another program writes one: a device must not be replaced by a file.
        using FileStorage existing = FileStorage.Open(_path, new FileStorageOptions { ReadOnly = true });
    }
}
