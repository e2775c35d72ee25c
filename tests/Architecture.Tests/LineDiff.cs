namespace QedVd.Architecture.Tests;

/// <summary>The lines that differ between two texts, each group under the last unindented line before it (the type it belongs to).</summary>
internal static class LineDiff
{
    public static string Between(string before, string after)
    {
        string[] a = before.Split('\n');
        string[] b = after.Split('\n');

        // Longest common subsequence; the texts are a few hundred lines.
        int[,] common = new int[a.Length + 1, b.Length + 1];
        for (int i = a.Length - 1; i >= 0; i--)
        {
            for (int j = b.Length - 1; j >= 0; j--)
            {
                common[i, j] = a[i] == b[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        List<string> lines = [];
        string? heading = null;
        for (int i = 0, j = 0; i < a.Length || j < b.Length;)
        {
            if (i < a.Length && j < b.Length && a[i] == b[j])
            {
                heading = a[i].Length > 0 && a[i][0] != ' ' ? a[i] : heading;
                i++;
                j++;
                continue;
            }

            bool removed = j == b.Length || (i < a.Length && common[i + 1, j] >= common[i, j + 1]);
            string line = removed ? a[i++] : b[j++];
            if (heading is not null && line.StartsWith(' '))
            {
                lines.Add("  " + heading);
                heading = null;
            }

            lines.Add((removed ? "- " : "+ ") + line);
        }

        return string.Join('\n', lines);
    }
}
