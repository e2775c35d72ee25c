namespace QedVd.Backends.Qed;

/// <summary>A table that is to move. Both places are numbers of first clusters; they share none.</summary>
internal readonly record struct TableMove(long From, long To);
