import Domain
import Foundation
import Testing
import Wire

@testable import Trellis

/// When a started job is taken from its Tendril, and what that leaves.
@Suite struct LeaseTests {
    private let lease = Lease(
        job: SystemDependencies.system.makeID(), worker: SystemDependencies.system.makeID(), epoch: 1)

    private func at(_ seconds: Int64) -> [TendrilID: Timestamp] {
        [lease.worker: Timestamp(milliseconds: seconds * 1000)]
    }

    @Test func countsOnlyObservedSilence() {
        var watch = LeaseWatch(limits: LeaseLimits(silence: 60_000))
        #expect(watch.advance(by: 1_000_000, leases: [lease], heartbeats: at(0), reported: [:]).isEmpty)
        for _ in 0..<11 { #expect(watch.advance(by: 5000, leases: [lease], heartbeats: at(0), reported: [:]).isEmpty) }
        // A sign of life, whatever the clock says, and it begins anew.
        #expect(watch.advance(by: 5000, leases: [lease], heartbeats: at(-500), reported: [:]).isEmpty)
        for _ in 0..<11 {
            #expect(watch.advance(by: 5000, leases: [lease], heartbeats: at(-500), reported: [:]).isEmpty)
        }
        let lost = watch.advance(by: 5000, leases: [lease], heartbeats: at(-500), reported: [:])
        #expect(lost.map(\.loss) == [.noHeartbeat(minutes: 1)] && lost.map(\.lease) == [lease])
        #expect(watch.advance(by: 5000, leases: [], heartbeats: at(-500), reported: [:]).isEmpty)
    }

    @Test func unreportedLeaseIsLost() {
        var watch = LeaseWatch(limits: LeaseLimits(silence: 1_000_000, notReported: 30_000))
        var losses: [LeaseWatch.Loss] = []
        for beat in 0..<8 {
            let named: Set<Lease> = beat == 3 ? [lease] : []
            for _ in 0..<2 {
                losses += watch.advance(
                    by: 5000, leases: [lease], heartbeats: at(Int64(beat)), reported: [lease.worker: named]
                ).map(\.loss)
            }
        }
        // Named once in between, so the count began anew: beats 4, 5 and 6 make 30 s.
        #expect(losses.first == .notReported && losses.count <= 4, "\(losses)")
        #expect(
            watch.advance(by: 5000, leases: [lease], heartbeats: at(99), reported: [:]).isEmpty, "nothing known yet")
    }

    @Test func givenUpJobAcceptsLateReports() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 200)
            let lock = #"{"ID": "\#(job.id):1", "Who": "tendril-1"}"#
            #expect(try await tendril.post("/api/vines/\(vine.id)/lock", lock).status == 200)
            let early = try await api.post("/api/jobs/\(job.id)/give-up")
            #expect(early.status == 409 && early.error?.contains("tendril-1 is ONLINE") == true)
            harness.clock.advance(seconds: 600)
            let given = try await api.post("/api/jobs/\(job.id)/give-up").decode(JobResponse.self)
            #expect(given.status == .failed && given.engineState == .unknown && given.logState == "INCOMPLETE")
            let reason = try #require(given.errorMessage)
            #expect(reason == "Given up by admin: no contact with tendril-1 for 10 min.", "\(reason)")
            #expect(given.outcome?.summary.hasPrefix("It isn't known what Terraform did after that.") == true)
            #expect(try await api.post("/api/jobs/\(job.id)/give-up").status == 409)
            // It is among the errors of all jobs, in words that are the same for every Tendril.
            let errors = try await api.get("/api/jobs/\(job.id)/errors").decode(JobErrorsResponse.self)
            #expect(errors.items.map(\.cause) == ["Given up: the Tendril could not be reached"])
            // What waits for the lock is told whose it is, and can link to that job.
            let next = try await api.makeJob(on: vine.id)
            let waiting = try await api.get("/api/jobs/\(next.id)").decode(JobResponse.self).waitingFor
            #expect(waiting?.kind == "lock" && waiting?.jobId == job.id)
            #expect(waiting?.message == "Waiting for the state lock held by tendril-1 (job \(job.id.short))")

            // It comes back: it hears that the lease is lost, may not start or succeed, and tells what it did.
            let beat = try await tendril.beat(leases: #"[{"job_id": "\#(job.id)", "epoch": 1}]"#)
            #expect(try beat.decode(HeartbeatResponse.self).lost == [LeaseMessage(jobId: job.id, epoch: 1)])
            #expect(try await tendril.report(order, #""status": "SUCCESS""#).status == 410)
            #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 410)
            let append = #"{"epoch": 1, "n": 1, "chunks": [{"stream_type": "STDOUT", "log_chunk": "late\n"}]}"#
            #expect(try await tendril.post("/api/jobs/\(job.id)/logs", append).status == 200)
            let state = #"{"version": 4, "serial": 1, "lineage": "l", "resources": []}"#
            #expect(try await tendril.post("/api/vines/\(vine.id)/state?ID=\(job.id):1", state).status == 200)
            let facts = try await tendril.report(
                order,
                #"""
                "engine_state": "GONE", "error_message": "other words",
                "outcome": {"result": "SUCCEEDED", "summary": "Applied."}
                """#)
            #expect(facts.status == 200)
            let late = try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self)
            #expect(late.status == .failed && late.errorMessage == reason)
            #expect(late.engineState == .gone && late.outcome?.result == .succeeded)
            #expect(late.outcome?.summary == "Applied.", "what wasn't known is replaced by what is")
            // Another Tendril may not speak for it at all.
            let other = try await api.makeTendril("tendril-2")
            #expect(try await other.report(order, #""engine_state": "GONE""#).status == 410)
            #expect(try await other.post("/api/jobs/\(job.id)/logs", append).status == 410)
        }
    }

    /// A FIFO in the wrong place, a process stuck in the kernel: whatever holds the Tendril, there is a way out.
    @Test func aJobThatDoesNotStopIsGivenUpAlthoughItsTendrilIsOnline() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 200)
            let leases = #"[{"job_id": "\#(job.id)", "epoch": 1}]"#
            func give() async throws -> Reply { try await api.post("/api/jobs/\(job.id)/give-up") }
            func record() async throws -> JobResponse {
                try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self)
            }
            #expect(try await give().error?.contains("cancel the job instead") == true)
            #expect(try await record().giveUp?.allowed == false)
            _ = try await api.post("/api/jobs/\(job.id)/cancel")
            harness.clock.advance(seconds: 500)
            _ = try await tendril.beat(leases: leases)
            #expect(try await give().error?.contains("force the cancel") == true)
            _ = try await api.post("/api/jobs/\(job.id)/force-cancel")
            let forcedAt = harness.clock.now
            harness.clock.advance(seconds: 59)
            _ = try await tendril.beat(leases: leases)
            let early = try await give()
            #expect(early.status == 409 && early.error?.contains("in 1 s") == true, "\(early.error ?? "")")
            let waiting = try #require(try await record().giveUp)
            #expect(!waiting.allowed && waiting.allowedFrom == forcedAt.advanced(by: 60_000))
            // Asked again, it is not put off.
            _ = try await api.post("/api/jobs/\(job.id)/force-cancel")
            harness.clock.advance(seconds: 1)
            _ = try await tendril.beat(leases: leases)
            #expect(try await record().giveUp?.allowed == true)
            let given = try await give().decode(JobResponse.self)
            #expect(given.status == .cancelled && given.engineState == .unknown && given.logState == "INCOMPLETE")
            #expect(given.outcome?.summary.contains("did not exit within 60 s") == true)
            #expect(given.giveUp == nil)
            // The vine is free for the next job, and the late end is still heard.
            #expect(try await api.makeJob(on: vine.id).status == .queued)
            #expect(try await tendril.report(order, #""engine_state": "GONE""#).status == 200)
            #expect(try await record().engineState == .gone)
        }
    }

    @Test func givesUpAfterTimeout() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let job = try await api.makeJob(on: api.makeVine().id)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 200)
            let house = Housekeeping(
                store: harness.store, ambient: harness.parts.ambient, logger: TrellisHarness.quiet,
                limits: LeaseLimits())
            var watch = LeaseWatch(limits: house.limits)
            for _ in 0..<60 { try await house.giveUp(&watch, elapsed: 60_000) }
            #expect(try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self).status == .processing)
            try await house.giveUp(&watch, elapsed: 60_000)
            let lost = try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self)
            #expect(lost.status == .failed)
            #expect(lost.errorMessage == "Given up: no contact with tendril-1 for 60 minutes.")
        }
    }

    @Test func onlyACancelledJobIsForcedAndItsTendrilHearsOfIt() async throws {
        try await TrellisHarness.run { _, api async throws in
            let job = try await api.makeJob(on: api.makeVine().id)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, #""status": "PROCESSING""#).status == 200)
            let early = try await api.post("/api/jobs/\(job.id)/force-cancel")
            #expect(early.status == 409 && early.error?.contains("Cancel the job first") == true)
            _ = try await api.post("/api/jobs/\(job.id)/cancel")
            let leases = #"[{"job_id": "\#(job.id)", "epoch": 1}]"#
            var beat = try await tendril.beat(leases: leases).decode(HeartbeatResponse.self)
            #expect(beat.stop == [job.id] && beat.kill == [])
            let forced = try await api.post("/api/jobs/\(job.id)/force-cancel").decode(JobResponse.self)
            #expect(forced.forced && forced.engineState == .stopping)
            #expect(try await api.post("/api/jobs/\(job.id)/force-cancel").status == 200)
            beat = try await tendril.beat(leases: leases).decode(HeartbeatResponse.self)
            #expect(beat.stop == [job.id] && beat.kill == [job.id])
            let log = try await api.get("/api/jobs/\(job.id)/logs?ansi=0&format=text").text
            #expect(log.components(separatedBy: "Forced by admin").count == 2, "\(log)")
        }
    }

    @Test func breakLockRequiresConfirmationAndSupersedesLateVersion() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let path = "/api/vines/\(vine.id)"
            #expect(try await api.post(path + "/lock", #"{"ID": "mine", "Who": "ana@laptop"}"#).status == 200)
            let listed = try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items
            #expect(listed.first?.lock?.holder == "ana@laptop" && listed.first?.lock?.id == "mine")
            let unsaid = try await api.post(path + "/break-lock", #"{"lock_id": "mine", "confirm": "yes"}"#)
            #expect(unsaid.status == 400 && unsaid.error?.contains("project name") == true)
            let wrong = try await api.post(path + "/break-lock", #"{"lock_id": "another", "confirm": "orchard"}"#)
            #expect(wrong.status == 409 && wrong.error?.contains("ana@laptop") == true)
            let broken = try await api.post(path + "/break-lock", #"{"lock_id": "mine", "confirm": "orchard"}"#)
            #expect(try broken.decode(VineResponse.self).lock == nil)
            let state = #"{"version": 4, "serial": 7, "lineage": "l", "resources": []}"#
            #expect(try await api.post(path + "/state?ID=mine", state).status == 200)
            #expect(try await api.get(path + "/state").status == 204)
            let versions = try await api.get(path + "/state/versions").decode(ListResponse<StateVersionResponse>.self)
                .items
            #expect(versions.count == 1 && versions[0].aside && versions[0].serial == 7)
            #expect(try await api.get(path + "/state/versions/1").text == state)
            #expect(try await api.get(path + "/state/versions/2").status == 404)
        }
    }
}
