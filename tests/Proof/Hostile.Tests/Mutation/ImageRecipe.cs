using System.Globalization;
using System.Text;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>
/// A file as a list of writes into nothing, cut or grown to a length at the end: short enough to be printed when something fails, and kept as a text in
/// Corpus. Lines that start with # say what it is.
/// </summary>
internal sealed class ImageRecipe
{
    private readonly List<RecipeLine> _lines;

    public ImageRecipe() => _lines = [];

    private ImageRecipe(ImageRecipe other)
    {
        _lines = [.. other._lines];
        LengthBytes = other.LengthBytes;
        Title = other.Title;
    }

    /// <summary>The length of the file.</summary>
    public long LengthBytes { get; set; }

    /// <summary>What it is, in a few words.</summary>
    public string Title { get; set; } = "";

    /// <summary>Where its lines begin.</summary>
    public IEnumerable<long> Offsets => _lines.Select(line => line.Offset);

    /// <summary>About what it takes in memory.</summary>
    public long WrittenBytes => _lines.Sum(line => 4096 + line.LengthBytes);

    public static ImageRecipe Parse(string text)
    {
        ImageRecipe recipe = new();
        foreach (string line in text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            if (line[0] == '#')
            {
                recipe.Title = (recipe.Title + " " + line[1..].Trim()).Trim();
            }
            else if (line.StartsWith("length ", StringComparison.Ordinal))
            {
                recipe.LengthBytes = long.Parse(line.AsSpan("length ".Length), CultureInfo.InvariantCulture);
            }
            else
            {
                recipe._lines.Add(RecipeLine.Parse(line));
            }
        }

        return recipe;
    }

    public void Add(RecipeLine line) => _lines.Add(line);

    public void U32(long offset, uint value) => Add(new RecipeLine(RecipeVerb.U32, offset, value));

    public void U64(long offset, ulong value) => Add(new RecipeLine(RecipeVerb.U64, offset, value));

    public void Hex(long offset, ReadOnlySpan<byte> bytes) => Add(new RecipeLine(RecipeVerb.Hex, offset, 0, Bytes: bytes.ToArray()));

    public ImageRecipe Copy() => new(this);

    /// <summary>The file. It keeps no trace.</summary>
    public SimulatedFile ToFile(StorageFacts facts = SimulatedFile.GoodFacts)
    {
        SimulatedFile file = new("mutated.qed", facts) { KeepsTrace = false };
        foreach (RecipeLine line in _lines)
        {
            line.ApplyTo(file);
        }

        using SimulatedStorage storage = file.Open();
        storage.SetLength(LengthBytes);
        return file;
    }

    public override string ToString()
    {
        StringBuilder text = new();
        text.Append("# ").Append(Title).Append('\n');
        foreach (RecipeLine line in _lines)
        {
            text.Append(line).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture, $"length {LengthBytes}\n").ToString();
    }
}
