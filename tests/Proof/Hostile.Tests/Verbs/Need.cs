namespace QedVd.Hostile.Tests.Verbs;

/// <summary>What a verb needs of an image, and so what can go wrong with it.</summary>
internal enum Need
{
    /// <summary>To look at its first bytes.</summary>
    Probe,

    /// <summary>A header that is right.</summary>
    Header,

    /// <summary>The same, the format given.</summary>
    AsQed,

    /// <summary>To examine its tables: damage is what it reports.</summary>
    Check,

    /// <summary>To examine its tables and mend them.</summary>
    Repair,

    /// <summary>To list what each piece of the file is for.</summary>
    Pieces,

    /// <summary>To write its header.</summary>
    HeaderWrite,

    /// <summary>To list the images of its folder.</summary>
    Folder,

    /// <summary>To find a parent that was lost.</summary>
    Link,

    /// <summary>To open its parents.</summary>
    Chain,

    /// <summary>To read tables, its own and its parents'.</summary>
    Map,

    /// <summary>To read all of its disk.</summary>
    Read,

    /// <summary>To be written, with its parents beneath it.</summary>
    Write,

    /// <summary>To be opened for writing with its parents beneath it, and all of its tables to be read.</summary>
    Rewrite,

    /// <summary>To be written with its parent.</summary>
    Parent,
}
