namespace QedVd.Bench.Peers;

/// <summary>The command <c>peers</c>: makes the images, runs every work in turn with the peer, prints the table.</summary>
internal static class PeerCommand
{
    private const string Usage = "peers [--ours PATH] [--folder DIR] [--runs N] [--only TEXT] [--scale F] [--markdown FILE]";

    public static int Run(string[] arguments)
    {
        string ours = "./qedvd";
        string folder = Path.Combine(Path.GetTempPath(), "qedvd-bench");
        string? only = null;
        string? markdown = null;
        int runs = 5;
        double scale = 1;

        for (int i = 0; i < arguments.Length; i++)
        {
            string Value() => i + 1 < arguments.Length ? arguments[++i] : throw new ArgumentException($"{arguments[i]} needs a value. {Usage}");
            switch (arguments[i])
            {
                case "--ours": ours = Value(); break;
                case "--folder": folder = Value(); break;
                case "--runs": runs = int.Parse(Value()); break;
                case "--only": only = Value(); break;
                case "--scale": scale = double.Parse(Value()); break;
                case "--markdown": markdown = Value(); break;
                default: Console.Error.WriteLine($"Unknown: {arguments[i]}. {Usage}"); return 1;
            }
        }

        Directory.CreateDirectory(folder);
        PeerImages images = new(folder);
        List<PeerResult> results = [];
        foreach (PeerWork work in PeerWorks.All(Path.GetFullPath(ours, Directory.GetCurrentDirectory()), images, scale))
        {
            if (only is null || work.Title.Contains(only, StringComparison.OrdinalIgnoreCase))
            {
                results.Add(PeerRunner.Run(work, runs, folder));
                Console.WriteLine(results[^1]);
            }
        }

        if (markdown is not null)
        {
            File.WriteAllLines(markdown, PeerResult.MarkdownTable(results));
        }

        return 0;
    }
}
