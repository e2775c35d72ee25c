namespace QedVd.Host;

/// <summary>Why a file is considered as a lost parent: the less speaks for it, the more it has to show.</summary>
internal enum CandidateOrigin
{
    /// <summary>The caller names it.</summary>
    Given,

    /// <summary>It has the name that the image remembers.</summary>
    Name,

    /// <summary>It is an image of the right format and size: told of, never taken.</summary>
    Content,
}
