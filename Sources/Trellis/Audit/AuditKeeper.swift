internal import Domain
internal import Logging
internal import Storage
internal import Synchronization
internal import Wire

/// Seals new events, checks the chain, and deletes events that are older than the configured age.
///
/// Each round costs the same, however many events are stored: new events are checked at once, and the stored ones again
/// and again, some at a time.
final class AuditKeeper: Sendable {
    private struct State {
        /// Checks what is new.
        var newest = AuditChain()
        /// Checks everything again, from the beginning.
        var again = AuditChain()
        var verifiedAt: Timestamp?
        /// What the current pass over the whole chain has found, first.
        var found: AuditProblem?
        /// What to report.
        var problem: AuditProblem?
        var foundAt: Timestamp?
    }

    static let sealInterval = Duration.seconds(1)
    static let checkInterval = Duration.seconds(2)
    /// Events that are sealed in one commit, and that one round checks.
    static let batch = 500
    private static let day: Int64 = 86_400_000

    private let store: any Store
    private let ambient: SystemDependencies
    /// Days that events are kept; nil for all.
    private let days: Int?
    private let metrics: ServerMetrics
    private let state = Mutex(State())

    init(store: any Store, ambient: SystemDependencies, days: Int?, metrics: ServerMetrics = ServerMetrics()) {
        self.store = store
        self.metrics = metrics
        self.ambient = ambient
        self.days = days
    }

    /// The duty that seals and deletes, on one node at a time.
    func sealing(on nodes: any ExclusiveDuty, logger: Logger) -> Periodic {
        Periodic(name: "audit sealing", interval: Self.sealInterval, exclusive: nodes, logger: logger) { [self] round in
            let store = store.bound(to: round.term)
            try await seal(store)
            try await deleteOld(store)
        }
    }

    /// Checks the chain. Every node does that for itself.
    func checking(logger: Logger) -> Periodic {
        Periodic(name: "audit check", interval: Self.checkInterval, logger: logger) { [self] _ in
            if let problem = try await check() {
                logger.error(
                    "the audit log was changed", metadata: ["event": "\(problem.number)", "what": "\(problem)"])
            }
        }
    }

    /// Seals everything that waits.
    func seal() async throws { try await seal(store) }

    private func seal(_ store: any Store) async throws {
        while true {
            let count = try await store.sealAuditEvents(limit: Self.batch)
            metrics.sealedEvents(count)
            guard count == Self.batch else { return }
            try Task.checkCancellation()
        }
    }

    func deleteOld() async throws { try await deleteOld(store) }

    private func deleteOld(_ store: any Store) async throws {
        guard let days else { return }
        let moment = ambient.now().advanced(by: -Int64(days) * Self.day)
        let event = AuditContext.system.event(
            .deleteEvents, reason: "Events are kept for \(days) days.", changes: ["days": .integer(Int64(days))],
            ambient)
        _ = try await store.recording(event).deleteAuditEvents(before: moment, limit: Self.batch)
    }

    /// One round. - Returns: a problem that was not known before.
    @discardableResult func check() async throws -> AuditProblem? {
        let before = state.withLock { $0 }
        var next = before
        var problem: AuditProblem?
        do {
            if try await store.checkAuditEvents(&next.newest, limit: Self.batch) { next.verifiedAt = ambient.now() }
        } catch let found as AuditProblem { problem = found }
        do {
            if try await store.checkAuditEvents(&next.again, limit: Self.batch) {
                // A whole pass: what it has not found again is no problem anymore.
                next.problem = next.found
                next.found = nil
                next.again = AuditChain()
            }
        } catch let found as AuditProblem {
            next.found = next.found ?? found
            problem = problem ?? found
            // Where nothing more can be read, the pass is over.
            if next.again.end == before.again.end {
                next.problem = next.found
                next.found = nil
                next.again = AuditChain()
            }
        }
        if let problem, next.problem == nil { next.problem = problem }
        if next.problem != nil, before.problem == nil { next.foundAt = ambient.now() }
        if next.problem == nil { next.foundAt = nil }
        state.withLock { [next] in $0 = next }
        return before.problem == nil ? next.problem : nil
    }

    func status() async throws -> AuditStatusResponse {
        let ends = try await store.auditChainEnds()
        let state = state.withLock { $0 }
        let verified = state.problem.map { max(0, $0.number - 1) } ?? state.newest.end.number
        return AuditStatusResponse(
            base: ends.base.description, head: ends.head.description, verifiedNumber: verified,
            verifiedAt: state.verifiedAt,
            problem: state.problem.map { .init(kind: $0.kind.rawValue, number: $0.number, reason: $0.reason) },
            foundAt: state.foundAt, retentionDays: days, serverNow: ambient.now())
    }
}
