namespace QedVd.Cli.Output;

/// <summary>Who read our standard output has gone (<c>qedvd map ... | head</c>): the end, and no error to speak of.</summary>
internal sealed class OutputClosedException() : IOException("The reader of the standard output has closed it.");
