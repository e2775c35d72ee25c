namespace QedVd.Bench.Peers;

/// <summary>The images that the comparisons use, made on first use and kept for the next run.</summary>
internal sealed class PeerImages(string folder)
{
    public const int ChainDepth = 64;
    private const long Mib = 1 << 20;

    /// <summary>2 GiB of data that does not compress, as QED.</summary>
    public string Full => Make("full.qed", path => MakeData(path, 2048 * Mib, seed: 1, backing: null));

    /// <summary>The same as raw.</summary>
    public string FullRaw => Make("full.raw", path => Tool("qemu-img", "convert", "-f", "qed", "-O", "raw", Full, path));

    /// <summary>20 GiB of which one cluster of 64 KiB in twenty holds data, as raw.</summary>
    public string SparseRaw => Make("sparse.raw", WriteSparse);

    /// <summary>The same as QED.</summary>
    public string SparseQed => Make("sparse.qed", path => Tool("qemu-img", "convert", "-f", "raw", "-O", "qed", SparseRaw, path));

    /// <summary>Nothing in it, raw.</summary>
    public string EmptyRaw => Make("empty.raw", path => Tool("qemu-img", "create", "-q", "-f", "raw", path, "1G"));

    /// <summary>Where a conversion puts its target.</summary>
    public string Target => Path.Combine(folder, "target");

    /// <summary>Where a conversion of nothing puts its target.</summary>
    public string EmptyTarget => Path.Combine(folder, "empty-target");

    public void RemoveTargets()
    {
        File.Delete(Target);
        File.Delete(EmptyTarget);
    }

    /// <summary>A copy of <see cref="Full"/> to write into.</summary>
    public string Writable => Make("writable.qed", path => File.Copy(Full, path));

    /// <summary>1 TiB, 512 full tables of 256 KiB, more than QEMU caches.</summary>
    public string ManyTables => Make("tables.qed", path => TableImage.Write(path, 1L << 40));

    /// <summary>16 TiB with 8,192 tables of 256 KiB, each with one cluster; 2.5 GiB.</summary>
    public string SparseTables => Make("sparse-tables.qed", path => TableImage.Write(path, 1L << 44, clustersPerTable: 1));

    /// <summary>256 GiB, 128 full tables whose clusters lie in no order: four million extents.</summary>
    public string Scattered => Make("scattered.qed", path => TableImage.Write(path, 1L << 38, isScattered: true));

    /// <summary>Nothing in it.</summary>
    public string Empty => Make("empty.qed", path => Tool("qemu-img", "create", "-q", "-f", "qed", path, "1G"));

    /// <summary>4 GiB that were written in random order, and of which each second cluster was discarded.</summary>
    public string HalfEmpty => Make("half.qed", HalfEmptyImage.Write);

    /// <summary>Where the copy of <see cref="HalfEmpty"/> lies that <see cref="MakeCompactable"/> made.</summary>
    public string Compactable => Path.Combine(folder, "compact.qed");

    public void MakeCompactable()
    {
        File.Delete(Fresh);
        Tool("cp", "--sparse=always", HalfEmpty, Compactable);
        Tool("sync", Compactable);
    }

    /// <summary>1 GiB, all of it data.</summary>
    public string CommitBase => Make("commit-base.qed", path => MakeData(path, Mib * 1024, seed: 2, backing: null));

    /// <summary>1 GiB of other data over <see cref="CommitBase"/>, in a folder of its own: beside it, it would be another child, which a commit refuses to break.</summary>
    public string CommitTop
    {
        get
        {
            _ = CommitBase;
            Directory.CreateDirectory(Path.Combine(folder, "kept"));
            return Make(Path.Combine("kept", "commit-top.qed"), path =>
            {
                string made = Path.Combine(folder, "commit-top.part");
                MakeData(made, Mib * 1024, seed: 3, backing: "commit-base.qed");
                File.Move(made, path);
            });
        }
    }

    /// <summary>Where the copy of <see cref="CommitTop"/> lies that <see cref="MakeCommittable"/> made.</summary>
    public string Committable => Path.Combine(folder, "commit.qed");

    public void MakeCommittable()
    {
        File.Copy(CommitTop, Committable, overwrite: true);
        Tool("sync", Committable, CommitBase);
    }

    /// <summary>The last of <see cref="ChainDepth"/> empty overlays over <see cref="Full"/>.</summary>
    public string Chain
    {
        get
        {
            string parent = Full;
            for (int i = 1; i <= ChainDepth; i++)
            {
                string below = parent;
                parent = Make($"chain{i}.qed", path => Tool("qemu-img", "create", "-q", "-f", "qed", "-b", below, "-F", "qed", path));
            }

            return parent;
        }
    }

    /// <summary>Where a fresh image lies that <see cref="MakeFresh"/> or <see cref="MakeFreshOverlay"/> made.</summary>
    public string Fresh => Path.Combine(folder, "fresh.qed");

    public void MakeFresh()
    {
        File.Delete(Fresh);
        Tool("qemu-img", "create", "-q", "-f", "qed", Fresh, "2G");
    }

    public void MakeFreshOverlay()
    {
        File.Delete(Fresh);
        Tool("qemu-img", "create", "-q", "-f", "qed", "-b", Path.GetFileName(Full), "-F", "qed", Fresh);
    }

    private static void WriteSparse(string path)
    {
        const int Cluster = 65536;
        const long Size = 20L << 30;
        Random random = new(4);
        byte[] data = new byte[Cluster];
        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        file.SetLength(Size);
        for (long at = 0; at < Size; at += Cluster)
        {
            if (random.Next(20) == 0)
            {
                random.NextBytes(data);
                file.Position = at;
                file.Write(data);
            }
        }
    }

    /// <summary>Data that does not compress, from end to end.</summary>
    private void MakeData(string path, long lengthBytes, int seed, string? backing)
    {
        string raw = path + ".raw";
        using (FileStream file = new(raw, FileMode.Create, FileAccess.Write))
        {
            byte[] block = new byte[Mib];
            Random random = new(seed);
            for (long at = 0; at < lengthBytes; at += block.Length)
            {
                random.NextBytes(block);
                file.Write(block);
            }
        }

        string[] over = backing is null ? [] : ["-B", backing, "-F", "qed"];
        Tool(["qemu-img", "convert", "-f", "raw", "-O", "qed", .. over, raw, path]);
        File.Delete(raw);
    }

    private string Make(string name, Action<string> make)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            string partial = path + ".part";
            make(partial);
            File.Move(partial, path);
        }

        return path;
    }

    private void Tool(params string[] command) => PeerRunner.RunTool(command, folder);
}
