import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// More than anybody should ask for: a clear answer, and no harm to others.
@Suite struct OverloadTests {
    private func append(_ n: Int, chunks: Int) -> String {
        let chunk = #"{"stream_type": "STDOUT", "log_chunk": "x\n"}"#
        return
            #"{"epoch": 1, "n": \#(n), "chunks": [\#(Array(repeating: chunk, count: chunks).joined(separator: ","))]}"#
    }

    private func started(_ api: API, _ name: String) async throws -> (API, JobResponse) {
        let job = try await api.makeJob(on: api.makeVine(name).id)
        let tendril = try await api.makeTendril(name)
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 200)
        return (tendril, job)
    }

    @Test func rateLimitLosesNothing() async throws {
        try await TrellisHarness.run(limits: TrellisLimits(appends: AppendRate(burst: 10, perSecond: 5))) {
            harness, api async throws in
            let (loud, job) = try await started(api, "loud")
            let (quiet, other) = try await started(api, "quiet")
            let logs = "/api/jobs/\(job.id)/logs"
            #expect(try await loud.post(logs, append(1, chunks: 10)).status == 200)
            let held = try await loud.post(logs, append(2, chunks: 4))
            #expect(held.status == 429 && held.error?.contains("5 chunks a second") == true)
            #expect(try await quiet.post("/api/jobs/\(other.id)/logs", append(1, chunks: 10)).status == 200)
            harness.clock.advance(seconds: 1)
            #expect(try await loud.post(logs, append(2, chunks: 4)).status == 200)
            let text = try await api.get(logs + "?format=text&ansi=0").text
            #expect(text.components(separatedBy: "\n").count { $0 == "x" } == 14)
        }
    }

    @Test func anAppendAtItsLimitsAndBeyond() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (tendril, job) = try await started(api, "t")
            let logs = "/api/jobs/\(job.id)/logs"
            #expect(try await tendril.post(logs, append(1, chunks: 4097)).status == 413)
            #expect(try await tendril.post(logs, append(1, chunks: 4096)).status == 200)
            let long = String(repeating: "y", count: (64 << 10) + 1)
            let body = #"{"epoch": 1, "n": 2, "chunks": [{"stream_type": "STDOUT", "log_chunk": "\#(long)"}]}"#
            #expect(try await tendril.post(logs, body).status == 413)
            let huge = try await tendril.post(logs, String(repeating: " ", count: 5 << 20))
            #expect(huge.status == 413 && huge.error?.isEmpty == false)
        }
    }

    @Test func limitsAndReleasesStreams() async throws {
        let none = StreamLimits(followers: 0, perTendril: 0)
        try await TrellisHarness.run(limits: TrellisLimits(streams: none)) { _, api async throws in
            let (tendril, job) = try await started(api, "t")
            for (reader, path) in [(api, "jobs/\(job.id)/logs/stream"), (tendril, "workers/stream")] {
                let reply = try await reader.get("/api/\(path)")
                #expect(reply.status == 429 && reply.error?.contains("Too many open streams") == true)
            }
        }
        try await TrellisHarness.run(limits: TrellisLimits(streams: StreamLimits(followers: 1))) {
            _, api async throws in
            let (tendril, job) = try await started(api, "t")
            let end = #"{"epoch": 1, "status": "FAILED", "engine_state": "GONE", "log": {"incomplete": "test"}}"#
            #expect(try await tendril.put("/api/jobs/\(job.id)/status", end).status == 200)
            for _ in 0..<3 { #expect(try await api.get("/api/jobs/\(job.id)/logs/stream").status == 200) }
        }
    }

    @Test func aJobHasOneAppendAtATime() async throws {
        let meter = AppendRateLimit(rate: AppendRate())
        func writer(_ job: UInt8, _ worker: UInt8) -> AppendRateLimit.Writer {
            AppendRateLimit.Writer(
                job: JobID(randomBytes: [UInt8](repeating: job, count: 16)),
                worker: TendrilID(randomBytes: [UInt8](repeating: worker, count: 16)))
        }
        try await meter.one(of: writer(1, 1)) {
            await #expect(throws: Refusal.self) { try await meter.one(of: writer(1, 1)) {} }
            try await meter.one(of: writer(2, 1)) {}
            // One that does not hold the job takes nothing from the one that does.
            try await meter.one(of: writer(1, 2)) {}
        }
        try await meter.one(of: writer(1, 1)) {}
    }

    @Test func slotsAreReleasedOnce() throws {
        let limit = ConcurrencyLimit()
        let slot = try #require(limit.take("a", limit: 1))
        #expect(limit.take("a", limit: 1) == nil)
        #expect(limit.take("b", limit: 1) != nil, "another key has its own slots")
        slot.release()
        slot.release()
        _ = limit.take("a", limit: 1)  // forgotten at once
        let second = try #require(limit.take("a", limit: 1))
        #expect(limit.take("a", limit: 1) == nil)
        second.release()
    }

    @Test func aPlanFileThatWasAlteredIsRefusedForGood() async throws {
        #expect(ErrorReport(try #require(await damage())).status.code == 409)
    }

    private func damage() async -> (any Error)? {
        do {
            _ = try await StorageError.refusingCorruptData("The plan file") { throw StorageError(.corrupt, "x") }
            return nil
        } catch { return error }
    }
}
