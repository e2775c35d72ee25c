using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

/// <summary>
/// Layouts are drawn one character per cluster: H header, T the clusters of tables (of 2 unless told), L those of L1, which is a table like others, d data, '.' a hole.
/// </summary>
public sealed class RelocationPlanTests
{
    [Theory]
    [InlineData("HLLTTddd", 8)] // nothing to gain
    [InlineData("HLLTTd.d", 7)]
    [InlineData("HLL.TTdd", 7)] // data fills what a table cannot
    [InlineData("H.LL.TTdddd", 9)]
    [InlineData("HLL..ddTT", 7)] // a table into a free window
    [InlineData("HLL.d.dTT", 7)] // a table into a window that data leaves
    [InlineData("H.....TTLL", 5)] // all tables move, L1 too
    public void FinalEnd_IsWhereAllThatIsUsedFits(string layout, long end)
    {
        Layout before = new(layout);
        RelocationPlan plan = before.Plan(out _);

        Assert.Equal(end, plan.FinalEnd);
        Assert.Equal(end < layout.Length, plan.HasGain);
        before.CarryOut(plan);
    }

    [Fact]
    public void TableAcrossTheEnd_IsNotCopiedOntoItself_ButGoesRoundByTheEnd()
    {
        Layout before = new("HLL.TT");
        RelocationPlan plan = before.Plan(out _);

        Assert.False(plan.HasGain);
        Assert.Equal([4], plan.TablesInTheWay);
        Assert.Equal(5, plan.EndAfterEvacuation);
    }

    [Fact]
    public void HolesBetweenTables_WithNoDataToFillThem_NeedTablesOutOfTheWay()
    {
        Layout before = new("HLLTT.TT.TTTT");
        RelocationPlan plan = before.Plan(out _);

        // The lowest table can stay.
        Assert.Equal([6, 9], plan.TablesInTheWay);
        Assert.Equal(11, plan.EndAfterEvacuation);
    }

    [Fact]
    public void Holes_AreHandedOutAscending_AndNoneInAWindow()
    {
        RelocationPlan plan = new Layout("HLL.....d.ddTTdd").Plan(out _);
        List<long> holes = [];
        for (long hole = plan.NextHole(); hole >= 0; hole = plan.NextHole())
        {
            holes.Add(hole);
        }

        Assert.Equal(10, plan.FinalEnd);
        Assert.Equal([new TableMove(12, 3)], plan.TableMoves);
        Assert.Equal([5, 6, 7, 9], holes);
        Assert.True(plan.MustMove(10) && plan.MustMove(15) && !plan.MustMove(8));
    }

    [Fact]
    public void RandomLayouts_EndWithoutAHole_AfterTablesInTheWayWereMoved()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new((int)seed);
        for (int round = 0; round < 2000; round++)
        {
            int tableClusters = 1 << random.Next(4);
            Layout layout = new(Draw(random, tableClusters), tableClusters);
            string start = layout.ToString();
            int used = start.Count(kind => kind != '.');
            for (int pass = 0; ; pass++)
            {
                RelocationPlan plan = layout.Plan(out bool isEnd);
                Assert.True(pass < 4, start);
                if (plan.TablesInTheWay.Count > 0)
                {
                    layout.Evacuate(plan.TablesInTheWay);
                    RelocationPlan then = layout.Plan(out _);
                    Assert.Equal(plan.EndAfterEvacuation, then.FinalEnd);
                    Assert.Empty(then.TablesInTheWay);
                    continue;
                }

                layout.CarryOut(plan);
                if (!plan.HasGain || isEnd)
                {
                    break;
                }
            }

            Assert.Equal(used, layout.ToString().Length);
        }
    }

    private static string Draw(Random random, int tableClusters)
    {
        string layout = "H";
        int data = random.Next(3);
        int holes = random.Next(5);
        for (int i = random.Next(1, 30); i > 0; i--)
        {
            layout += random.Next(1 + data + holes) switch
            {
                0 => new string('T', tableClusters),
                int kind => kind <= data ? "d" : ".",
            };
        }

        return layout.TrimEnd('.') + "d";
    }

    private sealed class Layout
    {
        private readonly int _tableClusters;
        private List<long> _tables = [];
        private HashSet<long> _data = [];

        public Layout(string layout, int tableClusters = 2)
        {
            _tableClusters = tableClusters;
            for (int i = 0; i < layout.Length; i++)
            {
                if (layout[i] is 'T' or 'L')
                {
                    _tables.Add(i);
                    i += tableClusters - 1;
                }
                else if (layout[i] == 'd')
                {
                    _data.Add(i);
                }
            }
        }

        public RelocationPlan Plan(out bool isFull)
        {
            ClusterBitmap used = Used();
            isFull = used.SetCount + 1 == used.ClusterCount;
            return new RelocationPlan(1, used, [.. _tables.Order()], _tableClusters);
        }

        public void Evacuate(IReadOnlyList<long> tables)
        {
            foreach (long table in tables)
            {
                long end = Used().ClusterCount;
                Assert.True(_tables.Remove(table));
                _tables.Add(end);
            }
        }

        /// <summary>Does what the remarks of the plan say, and fails where it would overwrite something in use.</summary>
        public void CarryOut(RelocationPlan plan)
        {
            if (!plan.HasGain)
            {
                return;
            }

            ClusterBitmap used = Used();
            HashSet<long> data = [];
            foreach (long cluster in _data)
            {
                long place = plan.MustMove(cluster) ? plan.NextHole() : cluster;
                Assert.InRange(place, 1, plan.FinalEnd - 1);
                Assert.True(place == cluster || !used.Contains(place), "a hole that is in use");
                Assert.True(data.Add(place), "a hole handed out twice");
            }

            HashSet<long> oldTables = [.. _tables.SelectMany(Clusters)];
            foreach (TableMove move in plan.TableMoves)
            {
                Assert.Contains(move.From, _tables);
                Assert.DoesNotContain(Clusters(move.To), cluster => oldTables.Contains(cluster) || data.Contains(cluster));
            }

            _tables = [.. _tables.Except(plan.TableMoves.Select(move => move.From)), .. plan.TableMoves.Select(move => move.To)];
            Assert.Equal(_tables.Count * _tableClusters, _tables.SelectMany(Clusters).Distinct().Count());
            _data = data;
            Assert.True(Used().ClusterCount <= plan.FinalEnd);
        }

        public override string ToString()
        {
            char[] layout = new string('.', (int)Used().ClusterCount).ToCharArray();
            layout[0] = 'H';
            _data.ToList().ForEach(cluster => layout[cluster] = 'd');
            _tables.SelectMany(Clusters).ToList().ForEach(cluster => layout[cluster] = 'T');
            return new string(layout);
        }

        private ClusterBitmap Used()
        {
            long[] clusters = [.. _data, .. _tables.SelectMany(Clusters)];
            ClusterBitmap used = new(clusters.Length == 0 ? 1 : clusters.Max() + 1);
            Array.ForEach(clusters, cluster => Assert.True(used.TrySet(cluster)));
            return used;
        }

        private IEnumerable<long> Clusters(long table) => Enumerable.Range(0, _tableClusters).Select(i => table + i);
    }
}
