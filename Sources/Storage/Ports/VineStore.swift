public import Domain

/// Vines and their encrypted secrets.
public protocol VineStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` for an id that is taken.
    func createVine(_ vine: Vine, secrets: VineSecrets) async throws

    /// nil if there is none, or it was deleted.
    func vine(_ id: VineID) async throws -> Vine?

    func vineSecrets(_ id: VineID) async throws -> VineSecrets

    /// What users should know about the sensitive values (``VineSecrets/warnings``) of the vines that have any.
    func vineWarnings(_ ids: [VineID]) async throws -> [VineID: [String]]

    /// The vine even after it was deleted (``Vine/deletedAt``): its states can still be read.
    func anyVine(_ id: VineID) async throws -> Vine?

    /// What is known about vines beside their settings. Costs the same however many jobs and states are stored.
    func vineFacts(_ ids: [VineID]) async throws -> [VineID: VineFacts]

    /// Those of `visible` among the vines, newest first; `text` matches a part of `project / stage`, whatever the case, with or without the spaces
    /// around the slash.
    func vines(text: String?, visible: VisibleVines, limit: Int, cursor: String?) async throws -> Page<Vine>

    /// Stores new settings and secrets under the next revision. If the vineyard is another one, the vine's jobs move
    /// there, too.
    /// - Throws: ``Refusal`` `.conflict` if `vine.revision` is not the stored one (a concurrent update);
    ///   `.notFound`.
    func updateVine(_ vine: Vine, secrets: VineSecrets) async throws -> Vine

    /// Deleted vines, in the same order.
    func deletedVines(visible: VisibleVines, limit: Int, cursor: String?) async throws -> Page<Vine>

    /// Vines, deleted ones too, whose newest state was stored before resources were counted; in the order of their ids.
    func uncountedVines(after: VineID?, limit: Int) async throws -> [VineID]

    /// Hides the vine; its jobs and state versions stay.
    ///
    /// - Parameter isConfirmed: deletes it although its state has, or may have, resources.
    /// - Returns: nil once it is deleted; the resources that keep it from being deleted without a confirmation.
    /// - Throws: ``Refusal`` `.conflict` while a job of it is QUEUED or active, or its state is locked; `.notFound`.
    func deleteVine(_ id: VineID, isConfirmed: Bool, at now: Timestamp) async throws -> VineResources?
}

extension VineStore {
    public func vines(text: String?, limit: Int, cursor: String?) async throws -> Page<Vine> {
        try await vines(text: text, visible: .all, limit: limit, cursor: cursor)
    }

    public func deletedVines(limit: Int, cursor: String?) async throws -> Page<Vine> {
        try await deletedVines(visible: .all, limit: limit, cursor: cursor)
    }
}

/// What is known about a vine beside its settings.
public struct VineFacts: Hashable, Sendable {
    public var lock: StateLock?
    /// Whether the job that holds the lock may still be at work; false for a lock of a user's own Terraform.
    public var isLockAtWork: Bool
    /// The newest job.
    public var lastJob: LastJob?
    public var resources: VineResources

    public init(
        lock: StateLock? = nil, isLockAtWork: Bool = false, lastJob: LastJob? = nil, resources: VineResources = .none
    ) {
        self.lock = lock
        self.isLockAtWork = isLockAtWork
        self.lastJob = lastJob
        self.resources = resources
    }

    /// A job as a list of vines shows it.
    public struct LastJob: Hashable, Sendable {
        public var id: JobID
        public var type: JobType
        public var status: JobStatus
        public var createdAt: Timestamp
        public var warnings: Int

        public init(id: JobID, type: JobType, status: JobStatus, createdAt: Timestamp, warnings: Int = 0) {
            self.warnings = warnings
            self.id = id
            self.type = type
            self.status = status
            self.createdAt = createdAt
        }
    }
}

/// What the state of a vine holds.
public enum VineResources: Hashable, Sendable {
    /// There is no state.
    case none
    /// Instances of managed resources in the newest state; nil for a state that was stored before they were counted.
    case stored(Int?)
    /// Another backend keeps the state, so the number is not known.
    case keptBy(String)

    /// False if something is, or may be, left behind when the vine goes.
    public var isEmpty: Bool { self == .none || self == .stored(0) }
}
