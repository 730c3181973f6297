public import Domain

/// An event in `GET /api/audit`. `number` and the hashes are absent until it is sealed.
public struct AuditEventResponse: Codable, Hashable, ResponseMessage {
    public var id: String
    public var at: Timestamp
    public var actorKind: String
    public var actorId: String?
    public var actorName: String
    public var actorSource: String?
    public var roles: [String]
    public var tokenId: String?
    public var requestId: String?
    public var ip: String?
    public var action: String
    public var resourceKind: String?
    public var resourceId: String?
    public var resourceName: String?
    public var vineId: VineID?
    public var jobId: JobID?
    public var outcome: String
    public var reason: String?
    public var changes: JSONValue
    public var number: Int64?
    public var prevHash: String?
    public var hash: String?

    public init(_ event: AuditEvent, number: Int64?, prevHash: String?, hash: String?) {
        id = event.id.rawValue
        at = event.at
        actorKind = event.actor.kind.rawValue
        actorId = event.actor.id
        actorName = event.actor.name
        actorSource = event.actor.source
        roles = event.actor.roles
        tokenId = event.actor.tokenID
        requestId = event.requestID
        ip = event.address
        action = event.action.rawValue
        resourceKind = event.resource?.kind
        resourceId = event.resource?.id
        resourceName = event.resource?.name
        vineId = event.vine
        jobId = event.job
        outcome = event.outcome.rawValue
        reason = event.reason
        changes = .object(event.changes)
        self.number = number
        self.prevHash = prevHash
        self.hash = hash
    }
}

/// `GET /api/audit/status`.
public struct AuditStatusResponse: Codable, Hashable, ResponseMessage {
    /// What is wrong with the chain.
    public struct Problem: Codable, Hashable, Sendable {
        /// `ALTERED`, `MISSING` or `INSERTED`.
        public var kind: String
        /// The event's number.
        public var number: Int64
        public var reason: String

        public init(kind: String, number: Int64, reason: String) {
            self.kind = kind
            self.number = number
            self.reason = reason
        }
    }

    /// The last event that was deleted by its age, as `NUMBER:HASH`; number 0 if none was.
    public var base: String
    /// The last sealed event, as `NUMBER:HASH`.
    public var head: String
    /// The chain is verified up to this event.
    public var verifiedNumber: Int64
    public var verifiedAt: Timestamp?
    public var problem: Problem?
    public var foundAt: Timestamp?
    /// Events are deleted after this many days; absent if they are kept.
    public var retentionDays: Int?
    public var serverNow: Timestamp

    public init(
        base: String, head: String, verifiedNumber: Int64, verifiedAt: Timestamp?, problem: Problem?,
        foundAt: Timestamp?, retentionDays: Int?, serverNow: Timestamp
    ) {
        self.base = base
        self.head = head
        self.verifiedNumber = verifiedNumber
        self.verifiedAt = verifiedAt
        self.problem = problem
        self.foundAt = foundAt
        self.retentionDays = retentionDays
        self.serverNow = serverNow
    }
}

/// `GET /api/evidence-key`.
public struct EvidenceKeyResponse: Codable, Hashable, ResponseMessage {
    /// The beginning of the SHA-256 of the key's DER form.
    public var keyId: String
    /// An Ed25519 key in PEM form.
    public var publicKey: String

    public init(keyId: String, publicKey: String) {
        self.keyId = keyId
        self.publicKey = publicKey
    }
}
