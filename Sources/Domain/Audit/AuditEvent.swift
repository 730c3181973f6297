/// One entry of the audit log: who did what to which resource, and how it ended. Names are kept as they were then.
public struct AuditEvent: Hashable, Sendable, Identifiable {
    /// How the deed ended.
    public enum Outcome: String, CaseIterable, Codable, Sendable {
        case allowed = "ALLOWED"
        /// The actor had no right to it.
        case denied = "DENIED"
        /// It was tried, and did not work: a wrong password, a lost lease.
        case failed = "FAILED"
    }

    public var id: Identifier<AuditEvent>
    public var at: Timestamp
    public var actor: AuditActor
    /// The request that asked for it; nil for what Vintner does by itself.
    public var requestID: String?
    /// The IP address of the request's sender.
    public var address: String?
    public var action: AuditAction
    public var resource: AuditResource?
    public var vine: VineID?
    public var job: JobID?
    public var outcome: Outcome
    /// One sentence for people.
    public var reason: String?
    /// What changed: names and values that are no secrets. Secrets appear as fingerprints.
    public var changes: [String: JSONValue]
    /// What must be carried out once. It is stored in the commit of the deed, too, and is no part of the event.
    public var onceOnly: RepeatableRequest?

    /// Bytes of any text of an event; longer ones are cut.
    public static let textBytes = 500

    public init(
        id: Identifier<AuditEvent>, at: Timestamp, actor: AuditActor, requestID: String? = nil, address: String? = nil,
        action: AuditAction, resource: AuditResource? = nil, vine: VineID? = nil, job: JobID? = nil,
        outcome: Outcome = .allowed, reason: String? = nil, changes: [String: JSONValue] = [:],
        onceOnly: RepeatableRequest? = nil
    ) {
        self.id = id
        self.at = at
        self.actor = actor
        self.requestID = requestID
        self.address = address
        self.action = action
        self.resource = resource
        self.vine = vine
        self.job = job
        self.outcome = outcome
        self.reason = reason?.auditText
        self.changes = changes
        self.onceOnly = onceOnly
    }
}

extension String {
    /// The text as an event has it: of a bounded length, and without U+0000, at which a database may cut it.
    fileprivate var auditText: String {
        replacing("\u{0}", with: "\u{fffd}").shortened(toBytes: AuditEvent.textBytes)
    }
}

/// Who did something.
public struct AuditActor: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Codable, Sendable {
        case user = "USER"
        case token = "TOKEN"
        case tendril = "TENDRIL"
        case system = "SYSTEM"
    }

    public var kind: Kind
    /// nil for the system, and for somebody who is not known.
    public var id: String?
    public var name: String
    /// Through what the actor signed in: `session`, `token`, the name of a provider.
    public var source: String?
    /// The roles that the actor had then.
    public var roles: [String]
    /// The ID of the API token or session that the request came with. It names the credential and is no secret.
    public var tokenID: String?

    public init(
        kind: Kind, id: String? = nil, name: String, source: String? = nil, roles: [String] = [],
        tokenID: String? = nil
    ) {
        self.kind = kind
        self.id = id
        self.name = name.auditText
        self.source = source?.auditText
        self.roles = roles
        self.tokenID = tokenID
    }

    /// Vintner itself: its periodic duties.
    public static let system = AuditActor(kind: .system, name: "system")
    /// Somebody without a valid credential.
    public static let unknown = AuditActor(kind: .user, name: "unknown")
}

/// What a deed was done to.
public struct AuditResource: Hashable, Sendable {
    /// `job`, `vine`, `token`.
    public var kind: String
    public var id: String
    /// What people called it then.
    public var name: String?

    public init(_ kind: String, _ id: String, name: String? = nil) {
        self.kind = kind
        self.id = id.auditText
        self.name = name?.auditText
    }

    public static func job(_ job: Job) -> AuditResource {
        AuditResource("job", job.id.rawValue, name: "\(job.type.rawValue) on \(job.snapshot.settings.title)")
    }

    public static func vine(_ vine: Vine) -> AuditResource {
        AuditResource("vine", vine.id.rawValue, name: vine.settings.title)
    }

    public static func tendril(_ id: TendrilID, name: String? = nil) -> AuditResource {
        AuditResource("tendril", id.rawValue, name: name)
    }
}

/// Who asks for something, and from where: what all events of one request share.
public struct AuditContext: Hashable, Sendable {
    public var actor: AuditActor
    public var requestID: String?
    public var address: String?
    /// The request, if it has an idempotency key.
    public var onceOnly: RepeatableRequest?

    public init(
        actor: AuditActor, requestID: String? = nil, address: String? = nil, onceOnly: RepeatableRequest? = nil
    ) {
        self.actor = actor
        self.requestID = requestID
        self.address = address
        self.onceOnly = onceOnly
    }

    /// Vintner itself.
    public static let system = AuditContext(actor: .system)

    /// The actor's name, for logs and notes.
    public var name: String { actor.name }

    /// The event that `action` is, now.
    public func event(
        _ action: AuditAction, on resource: AuditResource? = nil, vine: VineID? = nil, job: JobID? = nil,
        outcome: AuditEvent.Outcome = .allowed, reason: String? = nil, changes: [String: JSONValue] = [:],
        _ ambient: SystemDependencies
    ) -> AuditEvent {
        AuditEvent(
            id: ambient.makeID(), at: ambient.now(), actor: actor, requestID: requestID, address: address,
            action: action, resource: resource, vine: vine, job: job, outcome: outcome, reason: reason,
            changes: changes, onceOnly: onceOnly)
    }

    /// The event that `action` on `job` is, now.
    public func event(
        _ action: AuditAction, on job: Job, reason: String? = nil, changes: [String: JSONValue] = [:],
        _ ambient: SystemDependencies
    ) -> AuditEvent {
        event(
            action, on: .job(job), vine: job.vine, job: job.id, reason: reason, changes: changes, ambient)
    }

    /// The event that `action` on `vine` is, now.
    public func event(
        _ action: AuditAction, on vine: Vine, reason: String? = nil, changes: [String: JSONValue] = [:],
        _ ambient: SystemDependencies
    ) -> AuditEvent {
        event(action, on: .vine(vine), vine: vine.id, reason: reason, changes: changes, ambient)
    }
}
