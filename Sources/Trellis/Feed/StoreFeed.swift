internal import Domain
internal import Foundation
internal import LiveFeed
internal import NIOCore
internal import NIOFoundationCompat
internal import Storage
internal import Wire

/// The store as the feed sees it. What a row shows is decided here and in ``FeedTable``'s columns: ids, names, states
/// and times; never snapshots, metadata or tokens.
struct StoreFeed: FeedSource {
    var store: any Store
    var ambient: SystemDependencies

    /// Rows in one page, however short they are.
    private static let pageRows = 1000

    func logEnd(of job: JobID) async throws -> Int64 { try await store.logSize(of: job).seq }

    func logRows(of job: JobID, after: Int64, maxBytes: Int) async throws -> [FeedRow] {
        try await store.chunks(of: job, after: after, maxBytes: maxBytes, maxRows: Self.pageRows).map { chunk in
            FeedRow(
                position: chunk.seq, table: .logs, event: .insert, committedAt: chunk.createdAt,
                record: ByteBuffer(data: try WireJSON.encode(LogRowMessage(chunk))))
        }
    }

    func record(of table: FeedTable, id: String) async throws -> ByteBuffer? {
        try await shared(table, id: id)?.record
    }

    func shared(_ table: FeedTable, id: String) async throws -> (record: ByteBuffer, audience: FeedAudience)? {
        let found: (columns: [String: JSONValue], audience: FeedAudience)?
        switch table {
        case .jobs: found = try await job(id)
        case .workers: found = try await worker(id)
        case .vines: found = try await vine(id)
        case .logs: found = nil
        }
        return try found.map { (ByteBuffer(data: try WireJSON.encode(JSONValue.object($0.columns))), $0.audience) }
    }

    private func job(_ id: String) async throws -> ([String: JSONValue], FeedAudience)? {
        guard let id = JobID(id), let job = try await store.outline(of: id) else { return nil }
        let settings = job.snapshot.settings
        let worker = job.state.worker ?? job.assignedWorker
        let name: String? = if let worker { try await store.tendril(worker)?.name } else { nil }
        let columns: [String: JSONValue] = [
            "id": text(job.id.rawValue), "job_type": text(job.type.rawValue), "status": text(job.status.rawValue),
            "engine_state": text(job.state.engine.rawValue), "log_state": text(job.state.log.name),
            "vine_id": text(job.vine.rawValue),
            "vine_title": text(settings.title),
            "assigned_worker_id": text(job.assignedWorker?.rawValue), "worker_id": text(job.state.worker?.rawValue),
            "worker_name": text(name), "plan_job_id": text(job.plan?.rawValue),
            "rerun_of": text(job.rerunOf?.rawValue), "epoch": .integer(Int64(job.state.epoch)),
            "warnings": .integer(Int64(job.warnings ?? 0)), "changes": job.changes?.metadata ?? .null,
            "created_by": text(job.createdBy), "cancelled_by": text(job.cancelledBy),
            "created_at": time(job.createdAt), "claimed_at": time(job.claimedAt), "started_at": time(job.startedAt),
            "completed_at": time(job.completedAt),
        ]
        return (columns, .vine(job.vine, in: job.vineyard))
    }

    private func worker(_ id: String) async throws -> ([String: JSONValue], FeedAudience)? {
        guard let id = TendrilID(id), let agent = try await store.tendril(id) else { return nil }
        let columns: [String: JSONValue] = [
            "id": text(agent.id.rawValue), "name": text(agent.name),
            "status": text(agent.status(at: ambient.now()).rawValue), "version": text(agent.offer.version),
            "slots": .integer(Int64(agent.offer.slots)), "last_seen_at": time(agent.lastSeenAt),
            "created_at": time(agent.createdAt),
        ]
        return (columns, agent.vineyards.isEmpty ? .everybody : .vineyards(agent.vineyards))
    }

    /// A deleted vine keeps only its id: every other column is null.
    private func vine(_ id: String) async throws -> ([String: JSONValue], FeedAudience)? {
        guard let id = VineID(id), let vineyard = try await store.vineyard(of: id) else { return nil }
        let vine = try await store.vine(id)
        let columns: [String: JSONValue] = [
            "id": text(id.rawValue), "project_name": text(vine?.settings.projectName),
            "environment_stage": text(vine?.settings.environmentStage),
            "revision": vine.map { .integer(Int64($0.revision)) } ?? .null, "created_at": time(vine?.createdAt),
            "updated_at": time(vine?.updatedAt),
        ]
        return (columns, .vine(id, in: vineyard))
    }

    private func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
    private func time(_ value: Timestamp?) -> JSONValue { text(value?.description) }
}
