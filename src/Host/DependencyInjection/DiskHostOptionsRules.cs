using Microsoft.Extensions.Options;

namespace QedVd.Host;

/// <summary>What options must hold, said in one go and in the words of a configuration file.</summary>
internal sealed class DiskHostOptionsRules : IValidateOptions<DiskHostOptions>
{
    public ValidateOptionsResult Validate(string? name, DiskHostOptions options)
    {
        List<string> failures = [];
        if (options.TableBudgetBytes < TablePage.SizeBytes)
        {
            failures.Add($"{nameof(DiskHostOptions.TableBudgetBytes)} is {options.TableBudgetBytes}; it must be {TablePage.SizeBytes} or more.");
        }

        if (options.PluginFolders.Any(string.IsNullOrWhiteSpace))
        {
            failures.Add($"{nameof(DiskHostOptions.PluginFolders)} holds an empty name; remove it.");
        }

        if (options.PluginLoader is null || options.Time is null || options.Backends.Contains(null!))
        {
            failures.Add($"{nameof(DiskHostOptions.PluginLoader)}, {nameof(DiskHostOptions.Time)} and every one of {nameof(DiskHostOptions.Backends)} must not be null.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
