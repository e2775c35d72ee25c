namespace QedVd.TestKit;

/// <summary>A <see cref="BudgetStorage"/> was asked for more than its budget.</summary>
public sealed class StorageBudgetException(string message) : Exception(message);
