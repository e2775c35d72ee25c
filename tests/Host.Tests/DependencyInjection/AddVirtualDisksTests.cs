using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace QedVd.Host.Tests;

public sealed class AddVirtualDisksTests
{
    [Fact]
    public void Container_GivesOneHost_WithTheBackendsOfItsOptions_AndDisposesIt()
    {
        DiskHost host;
        using (ServiceProvider provider = new ServiceCollection().AddVirtualDisks(options => options.AddBackend<FakeBackend>()).BuildServiceProvider())
        {
            host = provider.GetRequiredService<DiskHost>();

            Assert.Same(host, provider.GetRequiredService<DiskHost>());
            Assert.Equal("Fake", host.Backends.Get("fake").Info.DisplayName);
        }

        Assert.Throws<ObjectDisposedException>(() => host.OpenDisk("any"));
    }

    [Fact]
    public void CalledTwice_AppliesBothConfigurations_ToOneHost()
    {
        using ServiceProvider provider = new ServiceCollection()
            .AddVirtualDisks(options => options.Backends.Add(new FakeBackend("one")))
            .AddVirtualDisks(options => options.Backends.Add(new FakeBackend("two")))
            .BuildServiceProvider();

        DiskHost host = Assert.Single(provider.GetServices<DiskHost>());

        Assert.Equal(["one", "two"], host.Backends.Backends.Select(backend => backend.Info.Id).Take(2));
    }

    [Fact]
    public void Options_BindFromConfiguration()
    {
        using var folder = new PluginFolder();
        folder.Add("Good");
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["VirtualDisks:PluginFolders:0"] = folder.Root,
                ["VirtualDisks:LoadDefaultPlugins"] = "false",
                ["VirtualDisks:ArePluginsUnloadable"] = "true",
                ["VirtualDisks:TableBudgetBytes"] = "1048576",
            })
            .Build();
        var services = new ServiceCollection();
        services.AddVirtualDisks();
        services.Configure<DiskHostOptions>(configuration.GetSection("VirtualDisks"));
        using ServiceProvider provider = services.BuildServiceProvider();

        DiskHostOptions options = provider.GetRequiredService<IOptions<DiskHostOptions>>().Value;
        Assert.Equal((1048576L, false, true), (options.TableBudgetBytes, options.LoadDefaultPlugins, options.ArePluginsUnloadable));
        Assert.Same(TimeProvider.System, options.Time);
        Assert.Equal("good", Assert.Single(provider.GetRequiredService<DiskHost>().Backends.Backends).Info.Id);
    }

    [Theory]
    [InlineData("TableBudgetBytes", "0", "TableBudgetBytes is 0; it must be 4096 or more.")]
    [InlineData("PluginFolders:0", " ", "PluginFolders holds an empty name; remove it.")]
    public void Options_ThatCannotBe_AreRefusedInTheWordsOfTheConfiguration(string key, string value, string message)
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build();
        var services = new ServiceCollection();
        services.AddVirtualDisks();
        services.Configure<DiskHostOptions>(configuration);
        using ServiceProvider provider = services.BuildServiceProvider();

        Assert.Equal(message, Assert.Throws<OptionsValidationException>(provider.GetRequiredService<DiskHost>).Message);
    }

    [Fact]
    public void Log_TellsWhatWasLoadedAndWhatWasSkipped()
    {
        using var folder = new PluginFolder();
        string good = folder.Add("Good");
        string bad = folder.Add("NullInfo");
        var log = new ListLogger();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(log));
        services.AddVirtualDisks(options =>
        {
            options.LoadDefaultPlugins = false;
            options.PluginFolders.Add(folder.Root);
        });
        using ServiceProvider provider = services.BuildServiceProvider();

        provider.GetRequiredService<DiskHost>();

        Assert.Contains((LogLevel.Information, $"Plugin Good offers good ({good})"), log.Entries);
        Assert.Contains((LogLevel.Warning, $"Plugin NullInfo was skipped: the backend 'QedVd.TestPlugins.NullInfoBackend' gives no description (Info is null). ({bad})"), log.Entries);
    }

    [Fact]
    public void WithoutAContainer_AHostIsMadeTheSameWay()
    {
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<FakeBackend>());

        Assert.Equal("fake", Assert.Single(host.Backends.Backends).Info.Id);
    }

    private sealed class ListLogger : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<(LogLevel Level, string Message)> Entries { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Enqueue((logLevel, formatter(state, exception)));

        public void Dispose()
        {
        }
    }
}
