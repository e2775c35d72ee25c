using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>
/// The images of one case of the search, one made after the other. A quarter of them go on from one that was answered as no other before, so that
/// what it takes two steps to reach is reached.
/// </summary>
internal sealed class MutationCase
{
    /// <summary>Images of a case.</summary>
    public const int Images = 200;

    private const int MostMutations = 6;

    private readonly Random _random;
    private readonly IReadOnlyList<MutationStratum> _strata;
    private readonly long _turn;
    private readonly int _least;
    private readonly HashSet<string> _signatures = [];
    private readonly List<MutatedImage> _seeds = [];
    private int _made;

    /// <param name="search">The search.</param>
    /// <param name="number">Of the case.</param>
    /// <param name="strata">Come in turn.</param>
    /// <param name="images">Of each case.</param>
    /// <param name="least">Changes of an image that is not one of a stratum's turn: 0 for some that are valid, and none with tables of one cluster.</param>
    public MutationCase(ProofSearch search, long number, IReadOnlyList<MutationStratum> strata, int images = Images, int least = 1)
    {
        _least = least;
        _strata = strata;
        _turn = number * images / 2;
        _random = new Random(search.SeedOf(number));
    }

    /// <summary>The next image. The strata come in turn; every other image is of one, the others are drawn.</summary>
    public MutatedImage Next()
    {
        MutationStratum turn = _strata[(int)((_turn + (_made / 2)) % _strata.Count)];
        bool isTurn = _made++ % 2 == 0;
        MutatedImage start = !isTurn && _seeds.Count > 0 && _random.Next(2) == 0
            ? _seeds[_random.Next(_seeds.Count)]
            : Start(isTurn ? turn.Geometry : (GeometryClass)_random.Next(_least == 0 ? (int)GeometryClass.Small : 0, (int)GeometryClass.Large + 1));
        ImageRecipe recipe = start.Recipe.Copy();
        ImageMutator mutator = new(start.Plan, _random);
        List<MutationStratum> mutations = [.. start.Mutations];
        int more = Math.Max(isTurn ? 1 : _least, Math.Min(_random.Next(_least, MostMutations + 1), _random.Next(_least, MostMutations + 1)) - mutations.Count);
        for (int i = 0; i < more; i++)
        {
            MutationStratum stratum = isTurn && i == 0 ? turn : mutator.Draw();
            mutator.Mutate(recipe, stratum);
            mutations.Add(stratum);
        }

        recipe.Title = string.Join(", ", mutations.Select(mutation => mutation.Structure <= MutatedStructure.FileLength ? $"{mutation.Structure} from {mutation.Pool}" : $"{mutation.Structure}"));
        return new MutatedImage(start.Plan, recipe, mutations);
    }

    /// <summary>Takes down how an image was answered that can be opened.</summary>
    public void Note(MutatedImage image, string signature)
    {
        if (_signatures.Add(signature) && image.Mutations.Count < MostMutations)
        {
            _seeds.Add(image);
        }
    }

    private MutatedImage Start(GeometryClass geometry)
    {
        ImagePlan plan = ImageGenerator.Next(_random, geometry);
        return new MutatedImage(plan, plan.Recipe, []);
    }
}
