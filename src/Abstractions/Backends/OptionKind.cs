namespace QedVd;

/// <summary>What the value of an option is.</summary>
public enum OptionKind
{
    /// <summary>Text.</summary>
    Text = 0,

    /// <summary>A count of bytes; suffixes k, M, G, T are powers of 1024.</summary>
    Size = 1,

    /// <summary>A whole number.</summary>
    Number = 2,

    /// <summary>on or off.</summary>
    Switch = 3,
}
