namespace QedVd.Hostile.Tests.Cases;

/// <summary>Every hostile image there is.</summary>
internal static class AllCases
{
    public static IReadOnlyList<HostileCase> List { get; } = [.. HeaderCases.All, .. SizeCases.All, .. TableCases.All, .. NameCases.All, .. ChainCases.All, .. FileCases.All];

    public static HostileCase Get(string name) => List.Single(each => each.Name == name);
}
