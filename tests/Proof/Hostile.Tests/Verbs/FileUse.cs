namespace QedVd.Hostile.Tests.Verbs;

/// <summary>What a call does to a file that it names.</summary>
internal enum FileUse
{
    /// <summary>Asks whether it is there and what it is, or opens it for its path alone.</summary>
    Look,

    /// <summary>Opens it for reading.</summary>
    Open,

    /// <summary>Opens it for writing, makes it, deletes it, gives it another name, or other attributes.</summary>
    Change,

    /// <summary>Runs it, or connects to it.</summary>
    Run,
}
