using System.Reflection;
using QedVd.Conformance;
using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

/// <summary>The conformance suite must see what is wrong: each defect is put in, and the test that is there for it has to fail.</summary>
public sealed class DefectTests
{
    public static TheoryData<Defect, string> Pairs => new()
    {
        { Defect.AcceptsAnyRange, "Request_OutsideTheDisk_Throws_AndChangesNothing" },
        { Defect.TouchesTheBufferOfZeros, "Create_MakesADiskThatReadsZero" },
        { Defect.ReadsZeroBytes, "Create_MakesADiskThatReadsZero" },
        { Defect.ReadsOneByteTooFew, "Write_ThenRead_GivesTheSameBytes_AndTheRestZero" },
        { Defect.SwallowsWrites, "Write_ThenRead_GivesTheSameBytes_AndTheRestZero" },
        { Defect.SwallowsTheSecondWrite, "Write_Again_ChangesInPlace" },
        { Defect.AnswersFreeOverNothing, "Write_PartOfAFreeBlock_WithNothingBeneath_IsTaken" },
        { Defect.ForgetsPreAndPost, "Free_IsAnsweredWithPreAndPost_AndChangesNothing" },
        { Defect.RefusesTheLastBlock, "Write_OfAWholeBlockThatEndsBeyondTheDisk_IsTaken" },
        { Defect.AllocatesInSpiteOfNoAllocate, "Write_NoAllocate_ChangesOnlyWhatIsAllocated" },
        { Defect.ZerosOnlyTheFirstChunk, "WriteZeroes_OfTheWholeDisk_IsLongerThanAnyChunk" },
        { Defect.ZerosWithGarbage, "WriteZeroes_MakesAnyRangeZero_AndNothingElse" },
        { Defect.DiscardsWithGarbage, "Discard_LeavesWhatWasThere_OrZeros_ForGood" },
        { Defect.DiscardAnswersFree, "Discard_LeavesWhatWasThere_OrZeros_ForGood" },
        { Defect.MapsTooFar, "Map_AnswersNoMoreThanWasAskedFor" },
        { Defect.MapsDataAsZero, "Map_TilesTheDisk_AndSaysWhatReadingGives" },
        { Defect.MapsToTheWrongPlace, "Map_TilesTheDisk_AndSaysWhatReadingGives" },
        { Defect.TryMapDisagrees, "TryMap_AgreesWithMap_WhereItAnswers" },
        { Defect.TryMapAllocates, "TryMap_DoesNoInputOutput_AndAllocatesNothing" },
        { Defect.TryMapReads, "TryMap_DoesNoInputOutput_AndAllocatesNothing" },
        { Defect.FlushesNothing, "FlushedData_SurvivesAPowerLoss" },
        { Defect.FlushesNothing, "Barrier_ThatFails_EndsWriting_AndReadingGoesOn" },
        { Defect.ForgetsForceUnitAccess, "FlushedData_SurvivesAPowerLoss" },
        { Defect.CloseSwallowsErrors, "Close_ReportsWhatCouldNotBeSaved_AndDisposalDoesNotThrow" },
        { Defect.CloseKeepsTheStorage, "Open_OwnsTheStorage_UntilItsClose" },
        { Defect.WritesWhenReadOnly, "ReadOnly_NeverWrites_AndRefusesEveryChange" },
        { Defect.ThrowsWhenDisposed, "Close_ReportsWhatCouldNotBeSaved_AndDisposalDoesNotThrow" },
        { Defect.ClaimsGrow, "Grow_Claimed_AddsZeros" },
        { Defect.ThrowsTheWrongWay, "Grow_Claimed_AddsZeros" },
        { Defect.ForgetsTheParent, "Create_WithAParent_StoresItsName_OrSaysThatItCannot" },
        { Defect.IgnoresBeneath, "SetBeneath_Nothing_LetsPartsOfBlocksBeAllocated" },
        { Defect.IgnoresBeneath, "SetBeneath_OnAnImageWithoutAParent_IsTaken_AndZerosLast" },
        { Defect.ProbeIsSureOfAnything, "Probe_NeverThrows_AndIsNeverSureOfRandomBytes" },
        { Defect.ProbeThrows, "Probe_NeverThrows_AndIsNeverSureOfRandomBytes" },
        { Defect.OpenDisposesTheStorage, "Open_ThatFails_LeavesTheStorageAlone" },
        { Defect.OpenWritesFirst, "Open_ThatFails_LeavesTheStorageAlone" },
        { Defect.CreateWithoutBarrier, "Create_IsDurable_AndLeavesTheStorageToTheCaller" },
        { Defect.CreateIgnoresOptions, "Create_WithAnUnknownOption_IsRefused" },
        { Defect.AsyncIsDifferent, "Write_InOneForm_IsReadInTheOther" },
        { Defect.LosesConcurrentWrites, "ManyWriters_InTheSameFreeBlocks_LoseNothing" },
        { Defect.DumpsControlCharacters, "Dump_SaysSomething_ForPeople" },
        { Defect.SwallowsTheSecondWrite, "RandomRequests_AgreeWithAByteArray" },
        { Defect.DiscardsWithGarbage, "RandomRequests_AgreeWithAByteArray" },
    };

    public static TheoryData<Defect> Defects => [.. Enum.GetValues<Defect>().Where(defect => defect != Defect.None)];

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Suite_SeesTheDefect(Defect defect, string test)
    {
        Assert.Null(await FailureAsync(Defect.None, test));
        Exception? failure = await FailureAsync(defect, test);
        Assert.True(failure is not null, $"{test} passes a backend that {defect}");
    }

    [Theory]
    [MemberData(nameof(Defects))]
    public void EveryDefect_HasATest(Defect defect) => Assert.Contains(Pairs, pair => pair.Data.Item1 == defect);

    // All cases of the test, until one fails.
    private static async Task<Exception?> FailureAsync(Defect defect, string test)
    {
        MethodInfo method = typeof(BackendConformance).GetMethod(test)!;
        object?[][] cases = [.. method.GetCustomAttributes<InlineDataAttribute>().Select(attribute => attribute.Data)];
        foreach (object?[] arguments in cases.Length == 0 ? [[]] : cases)
        {
            try
            {
                if (method.Invoke(new DefectiveConformance(defect), arguments) is Task task)
                {
                    await task;
                }
            }
            catch (Exception exception)
            {
                return exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
            }
        }

        return null;
    }

    private sealed class DefectiveConformance(Defect defect) : BackendConformance
    {
        protected override TimeSpan ModelBudget => TimeSpan.FromMilliseconds(100);

        protected override IImageBackend CreateBackend() => new DefectiveBackend(defect);
    }
}
