internal import Domain
internal import Storage
internal import Wire

extension VineResponse {
    /// The vine with what is known beside its settings.
    init(_ vine: Vine, facts: VineFacts?) {
        self.init(vine)
        guard let facts else { return }
        lock = facts.lock.map { LockResponse($0, atWork: facts.isLockAtWork) }
        lastJob = facts.lastJob.map {
            LastJobRecord(
                id: $0.id, jobType: $0.type, status: $0.status, createdAt: $0.createdAt, warnings: $0.warnings)
        }
        switch facts.resources {
        case .none: resourceCount = 0
        case .stored(let count): resourceCount = count
        case .keptBy(let keeper): stateKeptBy = keeper
        }
    }
}
