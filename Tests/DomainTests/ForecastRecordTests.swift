import Domain
import Testing

/// Forecasts compared with what happened, and the start of queued jobs.
@Suite struct ForecastRecordTests {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 5_000_000 + seconds * 1000) }

    private func record(_ made: (madeAt: Int64, endsAt: Int64)...) -> ForecastRecord {
        var record = ForecastRecord()
        for entry in made { record.add(.init(madeAt: at(entry.madeAt), endsAt: at(entry.endsAt))) }
        return record
    }

    @Test func theForecastAtHalfCounts() {
        let made = record((2, 50), (30, 70), (41, 80), (60, 100))
        #expect(made.atHalf(from: at(0), to: at(80))?.endsAt == at(70))
        #expect(made.atHalf(from: at(0), to: at(82))?.endsAt == at(80))
        #expect(made.atHalf(from: at(0), to: at(3)) == nil)
        // Not one from before the job started.
        #expect(made.atHalf(from: at(35), to: at(44)) == nil)
    }

    @Test func manyForecastsAreThinnedEvenly() {
        var record = ForecastRecord()
        for second in 0..<10_000 { record.add(.init(madeAt: at(Int64(second)), endsAt: at(20_000))) }
        #expect(record.entries.count <= ForecastRecord.maximumCount)
        let times = record.entries.map { $0.madeAt.milliseconds }
        #expect(times == times.sorted() && record.entries.first?.madeAt == at(0))
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(record.entries.count >= ForecastRecord.maximumCount / 2 && (gaps.max() ?? 0) <= 4 * 10_000_000 / 64)
        // At the edge: the maximum is kept whole.
        var full = ForecastRecord()
        for second in 0..<ForecastRecord.maximumCount { full.add(.init(madeAt: at(Int64(second)), endsAt: at(99))) }
        #expect(full.entries.count == ForecastRecord.maximumCount)
        full.add(.init(madeAt: at(63), endsAt: at(1)))
        #expect(full.entries.count == ForecastRecord.maximumCount, "two of the same time")
    }

    private func job(_ status: JobStatus, started: Int64? = 0, ended: Int64? = 100) throws -> Job {
        let vine = try #require(VineID("11234567-89ab-4def-8123-456789abcdef"))
        let settings = VineSettings(
            projectName: "shop", environmentStage: "test", source: .inline(files: ["a.tf": InlineFile("")], path: nil))
        var job = Job(
            id: try #require(JobID("01234567-89ab-4def-8123-456789abcdef")), type: .plan, vine: vine,
            snapshot: Snapshot(vine: vine, revision: 1, settings: settings, digest: "d"),
            createdBy: "ana", createdAt: at(-5))
        job.state.status = status
        job.startedAt = started.map(at)
        job.completedAt = ended.map(at)
        return job
    }

    @Test func onlyAJobThatSucceededTells() throws {
        let made = record((10, 400), (45, 125))
        let result = try #require(try ForecastResult(job(.success), record: made))
        #expect(result.expectedAt == at(125) && result.madeAt == at(45) && result.error == 0.25)
        #expect(try ForecastResult(job(.failed), record: made) == nil)
        #expect(try ForecastResult(job(.cancelled), record: made) == nil)
        #expect(try ForecastResult(job(.success, started: nil), record: made) == nil)
        #expect(try ForecastResult(job(.success, ended: 0), record: made) == nil)
        #expect(try ForecastResult(job(.success), record: record((60, 100))) == nil)
    }

    @Test func theMedianAndTheNinthOfTen() {
        #expect(ForecastAccuracy([]).median == nil && ForecastAccuracy([]).p90 == nil)
        let one = ForecastAccuracy([0.3])
        #expect(one.count == 1 && one.median == 0.3 && one.p90 == 0.3)
        let many = ForecastAccuracy([0.5, 0.1, 0.9, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1.0])
        #expect(many.count == 10 && many.median == 0.5 && many.p90 == 0.9)
    }

    @Test func aPlanTakesAsLongAsEarlierOnes() throws {
        #expect(RunProgress(planStartedAt: at(0), earlier: [], at: at(1)) == nil)
        let progress = try #require(RunProgress(planStartedAt: at(0), earlier: [40_000, 20_000, 30_000], at: at(1)))
        #expect(progress.forecast?.endsAt == at(30) && progress.forecast?.p90EndsAt == at(40))
        #expect(progress.forecast?.basis == "the last 3 plans" && progress.total == 0)
        // Longer than usual: not over yet.
        let late = try #require(RunProgress(planStartedAt: at(0), earlier: [20_000], at: at(50)))
        #expect(late.forecast?.endsAt == at(55) && late.forecast?.p90EndsAt == at(55))
        #expect(late.forecast?.basis == "the last plan")
    }

    @Test func aQueuedJobStartsWhenAPlaceIsFree() {
        #expect(StartForecast.start(free: [at(30)], ahead: [], at: at(0)) == at(30))
        #expect(StartForecast.start(free: [at(30)], ahead: [20_000, 5000], at: at(0)) == at(55))
        // Two places: the second job of the queue takes the later one.
        #expect(StartForecast.start(free: [at(30), at(40)], ahead: [60_000], at: at(0)) == at(40))
        // One that should have ended does so now.
        #expect(StartForecast.start(free: [at(-9)], ahead: [], at: at(0)) == at(0))
        #expect(StartForecast.start(free: [], ahead: [], at: at(0)) == nil)
        #expect(StartForecast.start(free: [at(30), nil], ahead: [], at: at(0)) == nil)
        #expect(StartForecast.start(free: [at(30)], ahead: [nil], at: at(0)) == nil)
    }
}
