import Domain
import Foundation
import HTTPTypes
import NIOCore
import Storage
import Testing
import Wire

@testable import LiveFeed
@testable import Trellis

/// What followers are shown.
@Suite struct StoreFeedTests {
    private func columns(_ record: ByteBuffer?) throws -> [String: JSONValue] {
        let record = try #require(record)
        guard case .object(let members) = try WireJSON.decode(JSONValue.self, from: Data(record.readableBytesView))
        else { return [:] }
        return members
    }

    @Test func rowsHaveTheDocumentedColumnsAndNothingElse() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let feed = StoreFeed(store: harness.store, ambient: harness.parts.ambient)
            let tendril = try await api.makeTendril()
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let text = try await #require(feed.record(of: .jobs, id: job.id.rawValue))
            let row = try columns(text)
            #expect(Set(row.keys) == Set(FeedTable.jobs.columns.map(\.name)))
            #expect(row["status"] == "PROCESSING")
            #expect(row["worker_name"] == "tendril-1")
            #expect(row["vine_title"] == "orchard / dev")
            #expect(row["completed_at"] == .null)
            for secret in ["hunter2", "db_password", "main.tf", "terraform_data"] {
                #expect(!String(buffer: text).contains(secret))
            }
            let worker = try await #require(harness.store.tendrils().first)
            let workerRow = try columns(try await feed.record(of: .workers, id: worker.id.rawValue))
            #expect(Set(workerRow.keys) == Set(FeedTable.workers.columns.map(\.name)))
            #expect(workerRow["status"] == "ONLINE")
            let vineText = try await #require(feed.record(of: .vines, id: vine.id.rawValue))
            let vineRow = try columns(vineText)
            #expect(Set(vineRow.keys) == Set(FeedTable.vines.columns.map(\.name)))
            #expect(vineRow["project_name"] == "orchard" && vineRow["revision"] == .integer(Int64(vine.revision)))
            for secret in ["hunter2", "db_password", "main.tf"] { #expect(!String(buffer: vineText).contains(secret)) }
            let log = try await feed.logRows(of: job.id, after: 0, maxBytes: 1 << 20)
            #expect(try await feed.logEnd(of: job.id) == Int64(log.count))
            #expect(log.map(\.position) == Array(1...Int64(log.count)))
            for row in log {
                #expect(Set(row.columns.keys).isSubset(of: FeedTable.logs.columns.map(\.name)))
                #expect(row.columns["job_id"] == .string(job.id.rawValue))
            }
            #expect(try await feed.record(of: .jobs, id: AuthorizationTests.id) == nil)
            #expect(try await feed.record(of: .workers, id: "nonsense") == nil)
            #expect(try await feed.record(of: .vines, id: "nonsense") == nil)
        }
    }

    /// Whatever can make a plan out of date is passed on: settings, state, and deletion.
    @Test func whatChangesAVineIsAChange() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let wakeup = Wakeup()
            let reader = harness.parts.feeds.rows.follow { wakeup.notify() }
            func next() async throws -> FeedRow {
                while true {
                    if case .entries(let rows) = reader.next(bound: 1 << 20),
                        let row = rows.last(where: { $0.table == .vines })
                    {
                        return row
                    }
                    try #require(await wakeup.next(timeout: .seconds(30)) == .notified)
                }
            }
            let vine = try await api.makeVine()
            #expect(try await next().event == .insert)
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", #"{"region": "us-east-2"}"#).status == 200)
            let changed = try await next()
            #expect(changed.event == .update && changed.columns["id"] == .string(vine.id.rawValue))
            #expect(changed.columns["revision"] == .integer(Int64(vine.revision) + 1))
            let state = #"{"version": 4, "serial": 1, "lineage": "l", "resources": []}"#
            #expect(try await api.post("/api/vines/\(vine.id)/state", state).status == 200)
            #expect(try await next().columns["id"] == .string(vine.id.rawValue))
            #expect(try await api.call(.delete, "/api/vines/\(vine.id)", "{}").status == 204)
            let deleted = try await next()
            #expect(deleted.columns["id"] == .string(vine.id.rawValue) && deleted.columns["revision"] == .null)
        }
    }

    /// Python's client closes at 1 MiB; we stay below 900 KB.
    @Test func theLargestChunkStaysBelowTheFrameLimit() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let feed = StoreFeed(store: harness.store, ambient: harness.parts.ambient)
            let tendril = try await api.makeTendril()
            let job = try await api.makeJob(on: try await api.makeVine().id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            // A control character is the longest there is in JSON: six bytes for one.
            let text = String(repeating: "\u{1B}", count: LogLimits.standard.chunkBytes)
            #expect(try await tendril.append(order, n: 1, text).status == 200)
            let row = try await #require(feed.logRows(of: job.id, after: 0, maxBytes: 1 << 20).last)
            let topic = "realtime:" + String(repeating: "t", count: 255)
            let envelope = RealtimeEnvelope(version: .v1, topic: topic, ids: Array(1...100))
            #expect(row.frame(.realtime(envelope)).readableBytes < 900_000)
        }
    }

    @Test func notifiesWhenTendrilGoesOffline() async throws {
        let harness = try await TrellisHarness.make()
        let watch = OfflineNotifier(store: harness.store, feeds: harness.parts.feeds, ambient: harness.parts.ambient)
        let tendril = Tendril(
            id: harness.parts.ambient.makeID(), name: "t", createdAt: harness.clock.now)
        try await harness.store.createTendril(tendril, tokenHash: Data(repeating: 1, count: 32))
        try await harness.store.heartbeat(
            tendril.id, offer: TendrilCapabilities(), draining: false, leases: [], at: harness.clock.now)
        let wakeup = Wakeup()
        let reader = harness.parts.feeds.rows.follow { wakeup.notify() }
        var known = try await watch.check([:])
        #expect(known == [tendril.id: .online])
        harness.clock.advance(seconds: 31)
        known = try await watch.check(known)
        #expect(known == [tendril.id: .offline])
        while true {
            if case .entries(let rows) = reader.next(bound: 1) {
                #expect(rows.map(\.event) == [.update])
                #expect(rows.first?.columns["status"] == "OFFLINE")
                break
            }
            #expect(await wakeup.next(timeout: .seconds(30)) == .notified)
        }
        try await harness.store.close()
    }
}
