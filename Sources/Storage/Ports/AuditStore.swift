public import Domain

/// The audit log. Events are stored in the commits of the deeds that they tell of, and sealed into a hash chain later.
public protocol AuditStore: Sendable {
    /// The same store; each change that is made through it also stores `event`, in the same commit. A change that
    /// throws, or that finds nothing to do, stores no event.
    func recording(_ event: AuditEvent) -> Self

    /// Stores an event of something that changes nothing else: a read, a denial, an attempt that failed.
    func record(_ event: AuditEvent) async throws

    /// Gives numbers and hashes to the oldest events that have none, at most `limit`; one node at a time.
    /// - Returns: how many.
    func sealAuditEvents(limit: Int) async throws -> Int

    /// Events with `key`, newest first, at most `limit`. Reads by index, whatever is stored.
    func auditRecords(_ key: AuditKey, before: AuditPosition?, since: Timestamp?, limit: Int) async throws
        -> [AuditRecord]

    /// Sealed events after this number, in the order of their numbers.
    func sealedRecords(after number: Int64, limit: Int) async throws -> [AuditRecord]

    /// Where the stored chain begins and ends.
    func auditChainEnds() async throws -> AuditChainEnds

    /// Whether events of this job wait to be sealed.
    func hasUnsealedEvents(of job: JobID) async throws -> Bool

    /// Deletes the oldest sealed events, as far as they are older than `moment`; at most `limit`. The chain then begins
    /// after them. An event that is being recorded says how many they were.
    func deleteAuditEvents(before moment: Timestamp, limit: Int) async throws -> Int
}

/// Both ends of the stored chain.
public struct AuditChainEnds: Hashable, Sendable {
    /// The last event that was deleted by its age; ``AuditEnd/start`` if none was.
    public var base: AuditEnd
    /// The last sealed event.
    public var head: AuditEnd
    /// Whether Vintner wrote both.
    public var isAuthentic: Bool

    public init(base: AuditEnd = .start, head: AuditEnd = .start, isAuthentic: Bool = true) {
        self.base = base
        self.head = head
        self.isAuthentic = isAuthentic
    }
}

/// What events have in common; each has an index.
public enum AuditKey: Hashable, Sendable {
    case all
    case request(String)
    case job(JobID)
    case vine(VineID)
    case resource(String)
    case actor(String)
    case action(String)
    case outcome(AuditEvent.Outcome)

    /// The column, and its value.
    package var column: (name: String, value: String)? {
        switch self {
        case .all: nil
        case .request(let id): ("request_id", id)
        case .job(let id): ("job_id", id.rawValue)
        case .vine(let id): ("vine_id", id.rawValue)
        case .resource(let id): ("resource_id", id)
        case .actor(let name): ("actor_name", name)
        case .action(let action): ("action", action)
        case .outcome(let outcome): ("outcome", outcome.rawValue)
        }
    }

    func matches(_ event: AuditEvent) -> Bool {
        switch self {
        case .all: true
        case .request(let id): event.requestID == id
        case .job(let id): event.job == id
        case .vine(let id): event.vine == id
        case .resource(let id): event.resource?.id == id
        case .actor(let name): event.actor.name == name
        case .action(let action): event.action.rawValue == action
        case .outcome(let outcome): event.outcome == outcome
        }
    }
}

/// A place in the list of events: newest first, by time, then in the order in which they were stored.
public struct AuditPosition: Hashable, Sendable {
    package var at: Timestamp
    package var position: Int64

    package init(at: Timestamp, position: Int64) {
        self.at = at
        self.position = position
    }

    package init(_ record: AuditRecord) { self.init(at: record.event.at, position: record.position) }

    /// Reads ``text`` back. - Throws: ``Refusal`` `.invalid`.
    package init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2, let at = Int64(parts[0]), let position = Int64(parts[1]) else { throw .badCursor() }
        self.init(at: Timestamp(milliseconds: at), position: position)
    }

    package var text: String { "\(at.milliseconds)_\(position)" }
}

/// Which events a list shows.
public struct AuditQuery: Hashable, Sendable {
    /// All of these.
    public var keys: [AuditKey]
    public var since: Timestamp?
    /// Up to and without this moment.
    public var until: Timestamp?

    public init(keys: [AuditKey] = [], since: Timestamp? = nil, until: Timestamp? = nil) {
        self.keys = keys
        self.since = since
        self.until = until
    }

    /// The key that selects the fewest events, as far as that can be told.
    fileprivate var first: AuditKey { keys.min { $0.order < $1.order } ?? .all }

    fileprivate func matches(_ event: AuditEvent) -> Bool { keys.allSatisfy { $0.matches(event) } }
}

extension AuditKey {
    fileprivate var order: Int {
        switch self {
        case .request: 0
        case .job: 1
        case .resource: 2
        case .vine: 3
        case .actor: 4
        case .action: 5
        case .outcome: 6
        case .all: 7
        }
    }
}

extension AuditStore {
    /// Events, newest first. Looks at no more than 2,000 stored events for a page: it may have fewer than `limit`, even
    /// none, although another one follows.
    public func auditEvents(_ query: AuditQuery, limit: Int, cursor: String?) async throws -> Page<AuditRecord> {
        let limit = PageLimit.clamped(limit)
        var last = try cursor.map { text throws(Refusal) in try AuditPosition(text) }
        if let until = query.until, last.map({ $0.at >= until }) ?? true {
            last = AuditPosition(at: until.advanced(by: -1), position: .max)
        }
        var found: [AuditRecord] = []
        for _ in 0..<4 {
            let records = try await auditRecords(query.first, before: last, since: query.since, limit: 500)
            for record in records {
                guard query.matches(record.event) else { continue }
                if found.count == limit { return Page(items: found, next: last?.text) }
                found.append(record)
                last = AuditPosition(record)
            }
            guard records.count == 500, let end = records.last else { return Page(items: found, next: nil) }
            last = found.count == limit ? last : AuditPosition(end)
            if found.count == limit { break }
        }
        return Page(items: found, next: last?.text)
    }

    /// Checks the stored chain from `chain` on; at most `limit` events. Begins where the stored chain begins, and checks
    /// its end if it gets there.
    ///
    /// - Returns: whether the end was reached.
    /// - Throws: ``AuditProblem``, after which `chain` can go on; ``StorageError``.
    public func checkAuditEvents(_ chain: inout AuditChain, limit: Int) async throws -> Bool {
        // Read before the events: what is sealed meanwhile is after it.
        let ends = try await auditChainEnds()
        guard ends.isAuthentic else {
            throw AuditProblem(.altered, ends.head.number, "The ends of the chain were not written by Vintner.")
        }
        guard chain.end.number <= ends.head.number else {
            throw AuditProblem(
                .missing, ends.head.number + 1,
                "Events after \(ends.head.number) are missing: the chain went up to event \(chain.end.number).")
        }
        if chain.end.number < ends.base.number { chain = AuditChain(after: ends.base) }
        let records = try await sealedRecords(after: chain.end.number, limit: limit)
        if records.first?.seal?.number != chain.end.number + 1 {
            // Old events may have been deleted since the ends were read.
            let base = try await auditChainEnds().base
            if base.number > chain.end.number {
                chain = AuditChain(after: base)
                return false
            }
        }
        for record in records { try chain.check(record) }
        guard records.count < limit else { return false }
        try chain.finish(at: ends.head)
        return true
    }
}

/// What becomes of the event that is recorded with a change, once that is made.
package struct AuditCompletion<Value: Sendable>: Sendable {
    /// Completes the event; returns whether to store it.
    package let complete: @Sendable (Value, inout AuditEvent) -> Bool

    package init(_ complete: @escaping @Sendable (Value, inout AuditEvent) -> Bool) { self.complete = complete }

    /// Every change that does not throw is recorded.
    package static var always: AuditCompletion { AuditCompletion { _, _ in true } }
}

extension AuditCompletion<String?> {
    /// Somebody without a credential turned out to be this user.
    package static var signedIn: AuditCompletion {
        AuditCompletion { user, event in
            guard let user else { return false }
            event.actor = AuditActor(kind: .user, id: user, name: user, source: "invitation")
            event.resource = AuditResource("user", user, name: user)
            return true
        }
    }
}

extension AuditCompletion<AccessEntry?> {
    /// A command got a token of the user who allowed it.
    package static var tokenMade: AuditCompletion {
        AuditCompletion { entry, event in
            guard let entry else { return false }
            event.actor = AuditActor(kind: .user, id: entry.owner, name: entry.owner, source: "login")
            event.resource = AuditResource("token", entry.id, name: entry.name)
            return true
        }
    }
}

extension AuditCompletion<GroupsChange> {
    /// The groups of a person are others than before.
    package static var groupsChanged: AuditCompletion {
        AuditCompletion { change, event in
            guard !change.isEmpty else { return false }
            for (name, groups) in [("added", change.added), ("removed", change.removed)] where !groups.isEmpty {
                event.changes[name] = .array(groups.prefix(100).map { .string($0.shortened(toBytes: 200)) })
            }
            return true
        }
    }
}
