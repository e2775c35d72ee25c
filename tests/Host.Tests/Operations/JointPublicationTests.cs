using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Operations;

/// <summary>Files that replace others together, in a folder whose names cannot be made durable: once, or from some moment on.</summary>
public sealed class JointPublicationTests : IDisposable
{
    private const int Many = 100;

    private static readonly string[] s_names = ["top", "middle", "base"];

    private readonly TempFolder _folder = new();
    private int _flushes;

    public enum Way
    {
        Nameless,
        TemporaryName,
        Portable,
    }

    public static TheoryData<Way, bool, bool> Cases => new(
        from way in Enum.GetValues<Way>()
        from isSticky in new[] { false, true }
        from replaces in new[] { false, true }
        select (way, isSticky, replaces));

    [Theory, MemberData(nameof(Cases))]
    public void FailingAtAnyName_LeavesWhatWasThere_OrNoTop_AndThenSaysSo(Way way, bool isSticky, bool replaces)
    {
        int failed = 0;
        for (int nth = 1; ; nth++)
        {
            Assert.InRange(nth, 1, Many);
            Lay(replaces);
            ImageException? failure = Publish(way, nth, isSticky);
            if (failure is null)
            {
                // Each of them has a step of its own, and two where it is taken away before.
                Assert.Equal(s_names.Select(name => $"{name}: new"), Contents);
                Assert.Equal(replaces ? (2 * s_names.Length) - 1 : s_names.Length, failed);
                return;
            }

            failed++;
            string[] before = replaces ? [.. s_names.Select(name => $"{name}: old")] : [];
            bool saysSo = failure.Message.Contains("run this again", StringComparison.Ordinal);
            Assert.True(saysSo ? !File.Exists(_folder["top"]) : Contents.SequenceEqual(before), $"{nth}: {string.Join(", ", Contents)} after: {failure.Message}");

            // Not before anything new has appeared; and where that is gone for certain, the old ones are back.
            Assert.Equal(replaces && nth >= s_names.Length && (isSticky || way == Way.Portable), saysSo);
        }
    }

    public void Dispose() => _folder.Dispose();

    private string[] Contents => [.. s_names.Where(name => File.Exists(_folder[name])).Select(name => $"{name}: {File.ReadAllText(_folder[name])}")];

    private void Lay(bool replaces)
    {
        foreach (string path in Directory.GetFiles(_folder.FullName, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            File.Delete(path);
        }

        foreach (string name in replaces ? s_names : [])
        {
            File.WriteAllText(_folder[name], "old");
        }
    }

    private ImageException? Publish(Way way, int nth, bool isSticky)
    {
        _flushes = 0;
        var options = new PendingFileOptions
        {
            Overwrite = true,
            UsePortableForm = way == Way.Portable,
            UseTemporaryName = way == Way.TemporaryName,
            FolderSeam = () =>
            {
                _flushes++;
                if (_flushes == nth || (isSticky && _flushes > nth))
                {
                    throw new ImageException(ImageErrorKind.Io, "The names cannot be made durable, says the test.");
                }
            },
        };
        PendingFile[] files = [.. s_names.Select(name => PendingFile.Create(_folder[name], options))];
        try
        {
            foreach (PendingFile file in files)
            {
                file.Storage.Write(0, "new"u8);
            }

            new JointPublication(files).Run();
            return null;
        }
        catch (ImageException exception)
        {
            return exception;
        }
        finally
        {
            foreach (PendingFile file in files)
            {
                file.Dispose();
            }
        }
    }
}
