namespace QedVd.Conformance.Model;

internal enum ModelStepKind
{
    Write = 0,
    WriteZeroes = 1,
    Discard = 2,
    Read = 3,
    Flush = 4,
    Reopen = 5,
    Map = 6,
}
