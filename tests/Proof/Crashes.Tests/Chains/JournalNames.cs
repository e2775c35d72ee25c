using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// The journal of a merge tells files by their numbers and births. The files of a state that is laid down anew have others; so that it tells the same files,
/// they are put into it.
/// </summary>
internal sealed class JournalNames(IReadOnlyDictionary<TracedFile, StorageIdentity> recorded)
{
    private const string Pattern = "*.qedvd-merge";

    public static StorageIdentity IdentityOf(string path) => Host.FilePeek.At(path).Identity;

    public void Translate(FolderState state, string folder)
    {
        foreach (string path in Directory.GetFiles(folder, Pattern, new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }))
        {
            string text = Encoding.UTF8.GetString(File.ReadAllBytes(path));
            foreach ((TracedFile file, StorageIdentity old) in recorded)
            {
                if (state.Names.FirstOrDefault(pair => pair.Value == file).Key is { } name)
                {
                    // On an overlay the same file has another device, and another birth once it was written.
                    text = Regex.Replace(text, $" [0-9a-f]+ {FileNumbers(old)} [0-9a-f]+ ", $" {Text(Host.FilePeek.At(Path.Combine(folder, name)).Mark)}\t");
                }
            }

            File.WriteAllText(path, text.Replace('\t', ' '), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }
    }

    private static string Text(Host.FileMark mark) => string.Create(CultureInfo.InvariantCulture, $"{mark.Identity.DeviceId:x} {FileNumbers(mark.Identity)} {mark.BirthStamp:x}");

    private static string FileNumbers(StorageIdentity identity) => string.Create(CultureInfo.InvariantCulture, $"{identity.FileId:x} {identity.FileIdHigh:x}");
}
