using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using QedVd.Host;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts virtual disks into a container.</summary>
public static class VirtualDiskServiceCollectionExtensions
{
    /// <summary>
    /// Registers one <see cref="DiskHost"/> for the program; it is made when it is first asked for, logs to the container's loggers, and is disposed
    /// with the container (close its disks before that). May be called more than once: every <paramref name="configure"/> is applied.
    /// </summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Sets options; null: the plugins beside the application.</param>
    /// <example>
    /// Options come from configuration too:
    /// <code>
    /// services.AddVirtualDisks(options => options.AddBackend&lt;MyBackend&gt;());
    /// services.Configure&lt;DiskHostOptions&gt;(configuration.GetSection("VirtualDisks"));
    /// </code>
    /// </example>
    public static IServiceCollection AddVirtualDisks(this IServiceCollection services, Action<DiskHostOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<DiskHostOptions> options = services.AddOptions<DiskHostOptions>();
        if (configure is not null)
        {
            options.Configure(configure);
        }

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DiskHostOptions>, DiskHostOptionsRules>());
        services.TryAddSingleton(provider => new DiskHost(
            provider.GetRequiredService<IOptions<DiskHostOptions>>().Value,
            provider.GetService<ILoggerFactory>()));
        return services;
    }
}
