internal import Domain
internal import Storage
internal import Wire

extension JobService {
    /// What the job does to resources; with `revision`, only what has changed since.
    func resources(of id: JobID, since revision: Int64) async throws -> RunResourcesResponse {
        guard let job = try await store.outline(of: id) else { throw Refusal.notFound("job") }
        let stored = try await store.resources(of: id)
        let isRunning = job.state.engine.holdsVine
        // A plan does nothing to what it plans.
        let plan = job.type == .destroy ? id : job.plan
        let graph: RunGraph? = if job.type != .plan, let plan { try await store.runGraph(of: plan) } else { nil }
        let timeline = RunTimeline(
            seen: stored.entries.map(\.resource), graph: graph, isRunning: isRunning)
        // After the job's end, everything that ran is unknown, whatever its revision is.
        let isPartial = revision > 0 && revision <= stored.revision && isRunning
        let items = isPartial ? timeline.changed(since: revision, in: stored) : timeline.items
        return RunResourcesResponse(
            items: items, revision: stored.revision, isPartial: isPartial, serverNow: ambient.now())
    }
}

extension RunTimeline {
    /// What has changed since `revision`, what waits for that, and the critical path.
    fileprivate func changed(since revision: Int64, in stored: StoredRunResources) -> [Item] {
        guard stored.revision > revision else { return [] }
        let changed = Set(stored.entries.filter { $0.revision > revision }.map(\.resource.address))
        return items.filter { changed.contains($0.address) || $0.critical || $0.state == .waiting }
    }
}
