namespace QedVd.TestKit;

/// <content>One state.</content>
public sealed partial class CrashExplorer
{
    private sealed class Examination(CrashExplorer explorer, CrashState state, Expectation expected) : IDisposable
    {
        private readonly CrashSubject _subject = explorer._subject;
        private readonly Random _random = explorer._random;
        private byte[] _bytes = [];
        private long[] _probes = [];
        private ComposedImage? _image;

        public void Dispose() => _image?.Dispose();

        /// <summary>Whether the format's own mark was set.</summary>
        public bool NeedsCheck { get; private set; }

        /// <summary>Whether the state had to be repaired first: a repair of what the recording had damaged was interrupted.</summary>
        public bool IsBroken { get; private set; }

        /// <summary>What had leaked.</summary>
        public long LeakBytes { get; private set; }

        /// <summary>What a repair may make leak: a block for each entry that it has to clear.</summary>
        public long CorruptBytes { get; private set; }

        /// <summary>The file after it was opened, written to and closed; null when it did not come to that.</summary>
        public SimulatedFile? Recovered { get; private set; }

        public Sighting? Run()
        {
            SimulatedFile file = state.File.View();
            CheckReport report = CheckAsLeft(file);
            SimulatedFile work = file.CopyWithoutTrace();
            if (IsBroken)
            {
                _subject.Check(work, RepairMode.All);
            }
            else if (!report.IsSound && !report.NeedsCheck)
            {
                return null;
            }

            CountLook("I2");
            CountLook("I3");
            CountLook("I4");
            if (Sizes.Distinct().Skip(1).Any())
            {
                CountLook("I11");
            }

            Sighting? sighting = Look(work, isReadOnly: false);
            if (sighting is null)
            {
                return null;
            }

            ContinueWriting(work, sighting);
            CountLook("I5");
            CheckReport after = _subject.Check(work);
            if (!after.IsSound || after.NeedsCheck)
            {
                Report("I5", $"after recovery and close: {Text(work)}");
            }
            else if (!IsBroken && !NeedsCheck && after.Leaks > report.Leaks)
            {
                Report("I6", $"{report.Leaks} leaks before, and after recovery and close: {Text(work)}");
            }

            Recovered = work;
            bool wasRepaired = NeedsCheck || IsBroken;
            if (!wasRepaired)
            {
                ReadWithSecondReader(file, sighting);
            }

            if (wasRepaired || _random.Next(4) == 0)
            {
                ReadWithSecondReader(work, sighting);
            }

            if (_random.Next(explorer._options.ReadOnlyOneIn) == 0)
            {
                OpenReadOnly(file, wasRepaired ? null : sighting);
            }

            if (_random.Next(explorer._options.ReclaimOneIn) == 0)
            {
                Reclaim(sighting, wasRepaired);
            }

            return sighting;
        }

        private IEnumerable<long> Sizes => expected.History.Possible(expected.History.Sizes, expected.Position);

        // The words are made only where they are needed.
        private string Text(SimulatedFile file)
        {
            CheckReport report = _subject.Check(file, findings: 4);
            return $"{report.Corruptions} corruptions, {report.Leaks} leaks, {report.CheckErrors} tables not readable{(report.NeedsCheck ? ", a check is due" : "")}: {string.Join("; ", report.Findings.Select(finding => finding.Message))}";
        }

        private void CountLook(string rule) => explorer._result.AddLook(rule);

        private void Report(string rule, string message) => explorer.Report(rule, message, state);

        /// <summary>I9, the header of I10, and the bound of I6.</summary>
        private CheckReport CheckAsLeft(SimulatedFile file)
        {
            CheckReport report = _subject.Check(file);
            NeedsCheck = report.NeedsCheck;
            IsBroken = expected.MayBeBroken && !report.IsSound;
            CountLook("I9");
            if (!report.NeedsCheck && !report.IsSound && (!IsBroken || _subject.IsDamageMarked))
            {
                Report("I9", $"no check is due, but: {Text(file)}");
            }

            CountLook("I10");
            if (_subject.HeaderOf is { } headerOf && headerOf(file) is var header && explorer.HeadersAt(expected.Position) is var headers && !headers.Contains(header))
            {
                Report("I10", $"the header is {header}; there have been: {string.Join(" / ", headers.Distinct())}");
            }

            LeakBytes = report.Leaks * explorer._recording.BlockBytes;
            CorruptBytes = report.Corruptions * explorer._recording.BlockBytes;
            if (LeakBytes > 0 && !IsBroken)
            {
                explorer._result.LeakStates++;
                explorer._result.MostLeakBytes = Math.Max(explorer._result.MostLeakBytes, LeakBytes);
                long bound = explorer.MostLeakBytes(state.Position, file.LengthBytes);
                if (LeakBytes > bound)
                {
                    Report("I6", $"{report.Leaks} leaks are {LeakBytes} bytes; allowed: {bound}");
                }
            }

            return report;
        }

        /// <summary>I12, and that reading only finds the same; null: it need not, before the repair that is due.</summary>
        private void OpenReadOnly(SimulatedFile file, Sighting? sighting)
        {
            CountLook("I12");
            SimulatedFile copy = file.CopyWithoutTrace();
            Sighting? readOnly = null;
            try
            {
                if (sighting is not null)
                {
                    readOnly = Look(copy, isReadOnly: true);
                }
                else
                {
                    _image = new ComposedImage(_subject.Open(copy, isReadOnly: true), _subject.Parents);
                    ReadWindows(_image.Image.VirtualSizeBytes);
                }
            }
            catch (ImageException) when (sighting is null || copy.CountOfChanges() > 0)
            {
                // A damaged image may say so. Who tried to write was refused, and that is told next.
            }

            Close();
            if (copy.CountOfChanges() > 0)
            {
                Report("I12", "a read-only opening writes");
            }

            if (readOnly is not null && sighting is not null)
            {
                Compare(sighting, readOnly, "I12", "read-only, the image reads otherwise");
            }
        }

        private void Close()
        {
            _image?.Image.Close();
            _image?.Dispose();
            _image = null;
        }

        /// <summary>The rest of I6.</summary>
        private void Reclaim(Sighting sighting, bool needsRepair)
        {
            CountLook("I6");
            SimulatedFile copy = state.File.CopyWithoutTrace();
            CheckReport report = _subject.Check(copy, needsRepair ? RepairMode.All : RepairMode.Leaks);
            if (report.Leaks > 0 || !report.IsSound)
            {
                Report("I6", $"after leaks were reclaimed: {Text(copy)}");
                return;
            }

            Sighting? again = Look(copy, isReadOnly: !report.NeedsCheck);
            Close();
            if (again is not null)
            {
                Compare(sighting, again, "I6", "reclaiming leaks has changed the disk");
            }
        }

        private void Compare(Sighting first, Sighting second, string rule, string message)
        {
            foreach ((long sector, ulong value) in first.Values)
            {
                if (second.Values.GetValueOrDefault(sector) != value)
                {
                    Report(rule, $"{message}: sector {sector} had {SectorValue.Describe(value)}, has {SectorValue.Describe(second.Values.GetValueOrDefault(sector))}");
                    return;
                }
            }

            if (first.SizeBytes != second.SizeBytes)
            {
                Report(rule, $"{message}: size {first.SizeBytes}, then {second.SizeBytes}");
            }
        }

        private void ReadWithSecondReader(SimulatedFile file, Sighting sighting)
        {
            if (_subject.SecondReader is null)
            {
                return;
            }

            using IPlainReading reading = _subject.SecondReader(file);
            CountLook(CrashViolation.SecondReader);
            if (reading.Errors.Count > 0 || reading.VirtualSizeBytes != sighting.SizeBytes)
            {
                Report(CrashViolation.SecondReader, $"size {reading.VirtualSizeBytes} (here {sighting.SizeBytes}), errors: {string.Join("; ", reading.Errors)}");
                return;
            }

            Span<byte> sector = stackalloc byte[SparseBytes.SectorBytes];
            foreach ((long number, ulong value) in sighting.Values)
            {
                long offset = number * SparseBytes.SectorBytes;
                ExtentKind kind = reading.Read(offset, sector);
                ulong other = kind switch { ExtentKind.Data => SectorValue.Of(sector), ExtentKind.Free => _subject.Parents.ValueOf(number), _ => SectorValue.Zero };
                if (other != value)
                {
                    Report(CrashViolation.SecondReader, $"sector {number} is {SectorValue.Describe(other)} there ({kind}), {SectorValue.Describe(value)} here");
                    return;
                }
            }
        }

        /// <summary>I1 to I4, I10, I11. The image stays open in <see cref="_image"/>.</summary>
        private Sighting? Look(SimulatedFile file, bool isReadOnly)
        {
            _image = new ComposedImage(_subject.Open(file, isReadOnly), _subject.Parents);
            long size = _image.Image.VirtualSizeBytes;
            if (!Sizes.Contains(size))
            {
                Report("I11", $"the size is {size}; allowed: {string.Join(", ", Sizes.Distinct())}");
                return null;
            }

            string parent = CrashRecording.NameOf(_image.Image.Parent);
            if (!expected.History.Possible(expected.History.Parents, expected.Position).Contains(parent))
            {
                Report("I10", $"the parent is '{parent}'; allowed: {string.Join(", ", expected.History.Possible(expected.History.Parents, expected.Position).Distinct())}");
                return null;
            }

            Dictionary<long, ulong> values = ReadWindows(size);
            foreach ((long sector, ulong[] allowed) in expected.Allowed)
            {
                if (values.TryGetValue(sector, out ulong value) && !allowed.AsSpan().Contains(value))
                {
                    string rule = value >> 48 != SectorValue.Of(0, 0) >> 48 && value != 0 ? "I4" : allowed.Length == 1 ? "I2" : "I3";
                    Report(rule, $"sector {sector} reads {SectorValue.Describe(value)}; allowed: {string.Join(", ", allowed.Select(SectorValue.Describe))}");
                    return null;
                }
            }

            return WalkTheRest(size, values) ? new Sighting(values, size, _image.Image.Parent) : null;
        }

        private Dictionary<long, ulong> ReadWindows(long size)
        {
            Dictionary<long, ulong> values = [];
            foreach ((long start, long end) in explorer._windows)
            {
                int length = (int)(Math.Min(end, size) - start);
                if (length <= 0)
                {
                    continue;
                }

                if (_bytes.Length < length)
                {
                    _bytes = new byte[length];
                }

                _image!.Read(start, _bytes.AsSpan(0, length));
                for (int at = 0; at < length; at += SparseBytes.SectorBytes)
                {
                    values[(start + at) / SparseBytes.SectorBytes] = SectorValue.Of(_bytes.AsSpan(at, SparseBytes.SectorBytes));
                }
            }

            return values;
        }

        /// <summary>What nobody touched: sectors of the windows that are not in the history, and all that lies outside.</summary>
        private bool WalkTheRest(long size, Dictionary<long, ulong> values)
        {
            foreach ((long sector, ulong value) in values)
            {
                if (!expected.Allowed.ContainsKey(sector) && expected.History.UntouchedValue(sector) is var untouched && value != untouched)
                {
                    Report(RuleOfUntouched(sector), $"sector {sector}, which nothing has touched, reads {SectorValue.Describe(value)}, not {SectorValue.Describe(untouched)}");
                    return false;
                }
            }

            long offset = 0;
            int next = 0;
            while (offset < size)
            {
                while (next < explorer._windows.Length && explorer._windows[next].End <= offset)
                {
                    next++;
                }

                if (next < explorer._windows.Length && explorer._windows[next].Start <= offset)
                {
                    offset = explorer._windows[next].End;
                    continue;
                }

                long end = next < explorer._windows.Length ? Math.Min(size, explorer._windows[next].Start) : size;
                Extent run = _image!.Image.Map(offset, end - offset);
                if (!IsUntouched(run.Kind, offset, offset + run.LengthBytes))
                {
                    return false;
                }

                offset += run.LengthBytes;
            }

            return true;
        }

        private bool IsUntouched(ExtentKind kind, long start, long end)
        {
            if (kind == ExtentKind.Data)
            {
                byte[] bytes = new byte[SparseBytes.SectorBytes];
                for (long offset = start; offset < end; offset += SparseBytes.SectorBytes)
                {
                    _image!.Read(offset, bytes);
                    long sector = offset / SparseBytes.SectorBytes;
                    if (SectorValue.Of(bytes) != expected.History.UntouchedValue(sector) && !IsProbe(sector, SectorValue.Of(bytes)))
                    {
                        Report(RuleOfUntouched(sector), $"sector {sector}, which nothing has touched, reads {SectorValue.Describe(SectorValue.Of(bytes))}");
                        return false;
                    }
                }

                return true;
            }

            foreach ((long heldStart, long heldEnd) in expected.History.Beneath.HeldRuns)
            {
                for (long offset = Math.Max(start, heldStart); offset < Math.Min(end, heldEnd); offset += SparseBytes.SectorBytes)
                {
                    long sector = offset / SparseBytes.SectorBytes;
                    ulong reads = kind == ExtentKind.Zero ? SectorValue.Zero : expected.History.Beneath.ValueOf(sector);
                    if (reads != expected.History.UntouchedValue(sector))
                    {
                        Report(RuleOfUntouched(sector), $"sector {sector}, which nothing has touched, is {kind}, not {SectorValue.Describe(expected.History.UntouchedValue(sector))}");
                        return false;
                    }
                }
            }

            return true;
        }

        // Behind what was the end of the disk: the new part.
        private string RuleOfUntouched(long sector) => sector * SparseBytes.SectorBytes >= expected.History.Sizes[0].Value ? "I11" : "I3";

        // Where this examination, or a recovery that was crashed, has written what is allocated next.
        private bool IsProbe(long sector, ulong value) =>
            value == SectorValue.Of(ProbeWriter, sector) && (IsIn(_probes, sector) || (explorer._recovered is not null && IsIn(explorer._probesOfRecovery, sector)));

        private bool IsIn(long[] places, long sector)
        {
            long block = Math.Max(explorer._recording.BlockBytes, 4096);
            return Array.Exists(places, place => sector * SparseBytes.SectorBytes >= place && sector * SparseBytes.SectorBytes < place + block);
        }

        /// <summary>I7: what is allocated next must not be shared with anything.</summary>
        private void ContinueWriting(SimulatedFile work, Sighting sighting)
        {
            CountLook("I7");
            _probes = [.. explorer.FreshPlaces(_image!.Image)];
            foreach (long offset in _probes)
            {
                OneThread.Complete(_image.WriteAsync(offset, ProbeData(offset, _image.Image), WriteFlags.None));
            }

            ReadAgain(sighting, "");
            Close();
            if (_random.Next(4) == 0)
            {
                _image = new ComposedImage(_subject.Open(work, isReadOnly: true), _subject.Parents);
                WalkTheRest(sighting.SizeBytes, ReadAgain(sighting, ", seen when opened again"));
                Close();
            }

            _probes = [];
        }

        private Dictionary<long, ulong> ReadAgain(Sighting sighting, string when)
        {
            Dictionary<long, ulong> values = ReadWindows(sighting.SizeBytes);
            Compare(sighting, new Sighting(values, sighting.SizeBytes, null), "I7", $"a later write has changed something else{when}");
            foreach (long offset in _probes)
            {
                byte[] written = ProbeData(offset, _image!.Image);
                byte[] read = new byte[written.Length];
                _image.Read(offset, read);
                if (!read.AsSpan().SequenceEqual(written))
                {
                    Report("I7", $"what was written at {offset} does not read so{when}");
                }
            }

            return values;
        }
    }
}
