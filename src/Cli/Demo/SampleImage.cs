using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Demo;

/// <summary>The image that the project ships, made by QEMU.</summary>
internal static class SampleImage
{
    private const string Name = "qemu-64m.qed";

    /// <summary>Its path: in the repository that the program was built in, or beside the program.</summary>
    public static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "samples", "images", Name);
            if (File.Exists(path))
            {
                return path;
            }
        }

        throw new CliException($"the sample image samples/images/{Name} is neither beside {AppContext.BaseDirectory} nor in a folder above; name an image of your own: qedvd demo MYIMAGE.");
    }
}
