namespace QedVd.Hostile.Tests.Mutation;

/// <summary>What the code under test has done is not what it should do.</summary>
internal sealed class WrongAnswerException(string message, Exception? inner = null) : Exception(message, inner);
