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
        let columns: [String: JSONValue]?
        switch table {
        case .jobs: columns = try await job(id)
        case .workers: columns = try await worker(id)
        case .vines: columns = try await vine(id)
        case .logs: columns = nil
        }
        return try columns.map { ByteBuffer(data: try WireJSON.encode(JSONValue.object($0))) }
    }

    private func job(_ id: String) async throws -> [String: JSONValue]? {
        guard let id = JobID(id), let job = try await store.outline(of: id) else { return nil }
        let settings = job.snapshot.settings
        let worker = job.state.worker ?? job.assignedWorker
        let name: String? = if let worker { try await store.tendril(worker)?.name } else { nil }
        return [
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
    }

    private func worker(_ id: String) async throws -> [String: JSONValue]? {
        guard let id = TendrilID(id), let agent = try await store.tendril(id) else { return nil }
        return [
            "id": text(agent.id.rawValue), "name": text(agent.name),
            "status": text(agent.status(at: ambient.now()).rawValue), "version": text(agent.offer.version),
            "slots": .integer(Int64(agent.offer.slots)), "last_seen_at": time(agent.lastSeenAt),
            "created_at": time(agent.createdAt),
        ]
    }

    /// A deleted vine keeps only its id: every other column is null.
    private func vine(_ id: String) async throws -> [String: JSONValue]? {
        guard let id = VineID(id) else { return nil }
        let vine = try await store.vine(id)
        return [
            "id": text(id.rawValue), "project_name": text(vine?.settings.projectName),
            "environment_stage": text(vine?.settings.environmentStage),
            "revision": vine.map { .integer(Int64($0.revision)) } ?? .null, "created_at": time(vine?.createdAt),
            "updated_at": time(vine?.updatedAt),
        ]
    }

    private func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
    private func time(_ value: Timestamp?) -> JSONValue { text(value?.description) }
}
