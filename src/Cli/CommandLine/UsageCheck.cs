using System.CommandLine;
using System.CommandLine.Parsing;

namespace QedVd.Cli.CommandLine;

/// <summary>Finds what is wrong with the arguments, in words of this program.</summary>
internal static class UsageCheck
{
    /// <summary>The first mistake, a sentence; null if there is none.</summary>
    public static string? Find(Verb verb, ParseResult parsed)
    {
        // The parser takes an unknown option for an operand.
        if (UnknownOption(verb, parsed) is { } unknown)
        {
            return $"'{unknown}' is not an option of this verb.";
        }

        foreach (Argument operand in verb.Command.Arguments)
        {
            if (operand.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(operand) is not { Tokens.Count: > 0 })
            {
                return $"{operand.Name} is missing.";
            }
        }

        foreach (Option option in verb.Command.Options)
        {
            if (parsed.GetResult(option) is not { IdentifierTokenCount: > 0 } result)
            {
                continue;
            }

            if (option.Arity.MinimumNumberOfValues > 0 && result.Tokens.Count < result.IdentifierTokenCount)
            {
                return $"{result.IdentifierToken?.Value ?? option.Name} needs a value ({option.HelpName}).";
            }

            if (option.Arity.MaximumNumberOfValues == 1 && result.IdentifierTokenCount > 1)
            {
                return $"{result.IdentifierToken?.Value ?? option.Name} is given {result.IdentifierTokenCount} times.";
            }
        }

        if (parsed.UnmatchedTokens.Count > 0)
        {
            return $"'{parsed.UnmatchedTokens[0]}' is one operand too many.";
        }

        return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
    }

    private static string? UnknownOption(Verb verb, ParseResult parsed)
    {
        foreach (Token token in parsed.Tokens)
        {
            if (token.Type == TokenType.DoubleDash)
            {
                break;
            }

            if (token.Type == TokenType.Argument && token.Value.Length > 1 && token.Value[0] == '-' && !verb.IsOperand(token.Value) && !IsOptionValue(parsed, token))
            {
                return token.Value;
            }
        }

        return null;
    }

    private static bool IsOptionValue(ParseResult parsed, Token token)
    {
        foreach (SymbolResult child in parsed.CommandResult.Children)
        {
            if (child is OptionResult option && option.Tokens.Any(value => ReferenceEquals(value, token)))
            {
                return true;
            }
        }

        return false;
    }
}
