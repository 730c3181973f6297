/// One stored version of a vine's Terraform state.
public struct StateVersion: Hashable, Sendable {
    public var vine: VineID
    /// Counts the vine's versions, from 1.
    public var number: Int
    public var position: StatePosition
    /// The job that wrote it; nil for a version that a user's own Terraform wrote.
    public var job: JobID?
    public var createdAt: Timestamp
    /// SHA-256 of the state's bytes, in hexadecimal digits.
    public var sha256: String
    /// Stored by a holder whose lock was broken; kept, but not the current state.
    public var isSuperseded: Bool
    /// Instances of managed resources; nil if they were not counted.
    public var resources: Int?
    /// Bytes of the state; nil for a version that was stored before they were noted.
    public var size: Int?

    public init(
        vine: VineID, number: Int, position: StatePosition, job: JobID?, createdAt: Timestamp, sha256: String,
        isSuperseded: Bool, resources: Int? = nil, size: Int? = nil
    ) {
        self.vine = vine
        self.number = number
        self.position = position
        self.job = job
        self.createdAt = createdAt
        self.sha256 = sha256
        self.isSuperseded = isSuperseded
        self.resources = resources
        self.size = size
    }
}

/// A state's position in its history: plans are checked against it.
public struct StatePosition: Hashable, Codable, Sendable {
    public var lineage: String
    public var serial: Int64

    public init(lineage: String, serial: Int64) {
        self.lineage = lineage
        self.serial = serial
    }
}

/// The lock on a vine's state. Once granted, it outlives the lease of the job that took it.
public struct StateLock: Hashable, Sendable {
    public var vine: VineID
    /// The ID that the holder chose; needed to unlock.
    public var id: String
    /// The job that holds it; nil for a user's own Terraform.
    public var job: JobID?
    /// Who holds it, for people.
    public var holder: String
    /// Terraform's lock information, as it was sent (JSON).
    public var info: String
    public var createdAt: Timestamp

    public init(vine: VineID, id: String, job: JobID?, holder: String, info: String, createdAt: Timestamp) {
        self.vine = vine
        self.id = id
        self.job = job
        self.holder = holder
        self.info = info
        self.createdAt = createdAt
    }
}
