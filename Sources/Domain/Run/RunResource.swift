/// What a job does, or did, to one resource, as its log shows.
public struct RunResource: Hashable, Codable, Sendable {
    public enum State: String, Codable, CaseIterable, Sendable {
        case waiting, refreshing, running, done, failed
        /// The engine began and the log does not show how it ended.
        case unknown
    }

    /// One of a replacement's two operations.
    public struct Part: Hashable, Codable, Sendable {
        /// `delete` or `create`.
        public var action: PlanAction
        public var startedAt: Timestamp?
        /// nil while it runs, and if the log does not show its end.
        public var endedAt: Timestamp?
        /// The number of its first line in the job's log; nil if it is not known.
        public var firstLine: Int64?

        public init(
            action: PlanAction, startedAt: Timestamp? = nil, endedAt: Timestamp? = nil, firstLine: Int64? = nil
        ) {
            self.action = action
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.firstLine = firstLine
        }

        var milliseconds: Int64? {
            guard let startedAt, let endedAt else { return nil }
            return max(0, endedAt.milliseconds(since: startedAt))
        }
    }

    /// As the engine prints it, with secrets masked.
    public var address: String
    public var action: PlanAction
    public var state: State
    public var startedAt: Timestamp?
    /// nil while it runs, and for a refresh: the engine does not print when one ends.
    public var endedAt: Timestamp?
    /// The number of the first line about it in the job's log; nil if it is not known.
    public var firstLine: Int64?
    /// Of a replacement: what was destroyed and created, in the order in which it began; ``maximumParts`` at most.
    /// Between the two, other resources may have their turn.
    public var parts: [Part]?

    public init(
        address: String, action: PlanAction, state: State, startedAt: Timestamp? = nil, endedAt: Timestamp? = nil,
        firstLine: Int64? = nil, parts: [Part]? = nil
    ) {
        self.address = address
        self.action = action
        self.state = state
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.firstLine = firstLine
        self.parts = parts
    }

    /// Whether it can be stored.
    public var isValid: Bool {
        !address.isEmpty && address.utf8.count <= Self.addressBytes && !address.utf8.contains(0)
            && (parts?.count ?? 0) <= Self.maximumParts
    }

    /// How long the engine worked on it; of a replacement, without what lies between its parts. nil if that is not known.
    public var workedMilliseconds: Int64? {
        if let parts, !parts.isEmpty {
            let known = parts.compactMap(\.milliseconds)
            return known.count == parts.count ? known.reduce(0, +) : nil
        }
        guard let startedAt, let endedAt else { return nil }
        return endedAt.milliseconds(since: startedAt)
    }

    /// The resource as one operation of a replacement; nil for what did not begin.
    package var asPart: Part? {
        startedAt.map { Part(action: action, startedAt: $0, endedAt: endedAt, firstLine: firstLine) }
    }

    /// The maximum number of parts.
    public static let maximumParts = 2

    /// The maximum number of resources that are kept of one job.
    public static let maximumCount = 10_000
    /// The maximum length of an address.
    public static let addressBytes = 2 << 10
}
