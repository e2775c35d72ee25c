using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>A request that finds no memory fails, and nothing else does.</summary>
public sealed class WantOfMemoryTests
{
    private const int Cluster = 4096;
    private const int Size = 700 * Cluster;

    [Theory]
    [InlineData("read")]
    [InlineData("write")]
    [InlineData("part")]
    [InlineData("zero")]
    [InlineData("flush")]
    public void WantOfMemory_FailsTheRequestOnly_WhateverItStrikes(string request)
    {
        byte[] old = ConcurrencyTests.Pattern(2 * Cluster, 3);
        byte[] data = ConcurrencyTests.Pattern(2 * Cluster, 4);
        int nth = 1;
        for (bool hasStruck = true; hasStruck; nth++)
        {
            Assert.True(nth < 100, "no end");
            SimulatedFile file = Images.Create(Size, Cluster, 1);
            using (QedImage made = Images.Open(file))
            {
                made.Write(0, old);
                made.Write(600 * Cluster, old);
            }

            TablePool pool = new(1 << 20);
            var storage = new ForgetfulStorage(file.Open());
            using (IDiskImage image = new QedBackend().Open(storage, new ImageOpenOptions { Time = new FakeTime(), Tables = pool }))
            {
                if (request == "flush")
                {
                    image.Write(20 * Cluster, data);
                }

                storage.Strike(nth);
                Exception? failure = Record.Exception(() => Act(image));
                hasStruck = storage.HasStruck;
                storage.Calm();

                Assert.True(failure is null || (hasStruck && failure is OutOfMemoryException or ImageException), $"{request} {nth}: {failure}");
                Assert.Equal(old, GuestDisk.Read(image, 600 * Cluster, 2 * Cluster));
                Act(image);
                image.Write(640 * Cluster, data);
                image.Flush();
                Assert.Equal(data, GuestDisk.Read(image, 640 * Cluster, 2 * Cluster));
                image.Close();
            }

            Assert.Equal((0, 0, 0), (pool.PagesInUse, pool.DirtyPages, file.OpenHandles));
            Assert.True(Images.Check(file).IsSound, $"{request} {nth}: {string.Join("; ", Images.Check(file).Findings)}");
        }

        Assert.True(nth > 2, $"{request}: nothing to strike");

        void Act(IDiskImage image)
        {
            switch (request)
            {
                case "read":
                    Assert.Equal(old, GuestDisk.Read(image, 0, 2 * Cluster));
                    break;
                case "write":
                    image.Write(560 * Cluster, data);
                    break;
                case "part":
                    image.Write((10 * Cluster) + 100, data);
                    break;
                case "zero":
                    GuestDisk.WriteZeroes(image, 100, 5 * Cluster, null);
                    break;
                default:
                    image.Flush();
                    break;
            }
        }
    }
}
