namespace QedVd.Backends.Qed;

/// <summary>Takes in tables that a <see cref="TableScan"/> streams.</summary>
internal interface ITableVisitor
{
    /// <summary>A table begins; L1 itself has the index -1.</summary>
    void Start(int l1Index, long tableOffset);

    /// <summary>Takes some entries, in the order of the table. What is left out between two calls is unallocated.</summary>
    void Visit(ReadOnlySpan<ulong> entries, int firstIndex);

    /// <summary>Does what the entries just visited made necessary.</summary>
    ValueTask SettleAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary>A part of the table cannot be read; the scan goes on behind it.</summary>
    void Fail(ImageException exception);

    /// <summary>The table has ended.</summary>
    void End();
}
