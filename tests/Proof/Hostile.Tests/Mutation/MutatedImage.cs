namespace QedVd.Hostile.Tests.Mutation;

/// <summary>An image that was valid, and what was done to it.</summary>
internal sealed record MutatedImage(ImagePlan Plan, ImageRecipe Recipe, IReadOnlyList<MutationStratum> Mutations);
