/// What a job does, or did, to one resource, as its log shows.
public struct RunResource: Hashable, Codable, Sendable {
    public enum State: String, Codable, CaseIterable, Sendable {
        case waiting, refreshing, running, done, failed
        /// The engine began and the log does not show how it ended.
        case unknown
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

    public init(
        address: String, action: PlanAction, state: State, startedAt: Timestamp? = nil, endedAt: Timestamp? = nil,
        firstLine: Int64? = nil
    ) {
        self.address = address
        self.action = action
        self.state = state
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.firstLine = firstLine
    }

    /// Whether it can be stored.
    public var isValid: Bool {
        !address.isEmpty && address.utf8.count <= Self.addressBytes && !address.utf8.contains(0)
    }

    /// The maximum number of resources that are kept of one job.
    public static let maximumCount = 10_000
    /// The maximum length of an address.
    public static let addressBytes = 2 << 10
}
