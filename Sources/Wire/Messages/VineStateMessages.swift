public import Domain

/// Which version of a state a response is about, and whether Trellis can read it.
public struct StateReference: Codable, Hashable, Sendable {
    public var number: Int
    public var serial: Int64
    public var createdAt: Timestamp
    public var jobId: JobID?
    /// Why the rest of the response is empty, in a sentence; absent for a state that can be read.
    public var problem: String?

    public init(_ version: StateVersion, problem: String? = nil) {
        number = version.number
        serial = version.position.serial
        createdAt = version.createdAt
        jobId = version.job
        self.problem = problem
    }
}

/// `GET /api/vines/{id}/outputs`.
public struct VineOutputsResponse: Codable, ResponseMessage {
    public struct Item: Codable, Sendable {
        public var name: String
        /// Absent for a sensitive output, and for one that is too large.
        public var value: JSONValue?
        public var sensitive: Bool
        /// The value, or a part of it, was left out because it is too large.
        public var isCut: Bool?

        public init(name: String, value: JSONValue?, sensitive: Bool, isCut: Bool?) {
            self.name = name
            self.value = value
            self.sensitive = sensitive
            self.isCut = isCut
        }
    }

    /// Absent if the vine has no state.
    public var state: StateReference?
    public var items: [Item]
    /// There are more than the response names.
    public var isCut: Bool

    public init(state: StateReference?, items: [Item] = [], isCut: Bool = false) {
        self.state = state
        self.items = items
        self.isCut = isCut
    }
}

/// `GET /api/vines/{id}/resources`: instances of managed resources, by type, then by module and address.
public struct VineResourcesResponse: Codable, ResponseMessage {
    public struct Item: Codable, Sendable {
        public var address: String
        /// The module's address; empty for the root module.
        public var module: String
        public var type: String
        /// The key of a deposed object.
        public var deposed: String?
        /// It will be replaced.
        public var tainted: Bool
        /// The job that changed it last; absent if that is not known.
        public var jobId: JobID?
        /// What the job did to it.
        public var action: PlanAction?
        /// The job failed to do it.
        public var failed: Bool?
        public var changedAt: Timestamp?

        public init(
            address: String, module: String, type: String, deposed: String?, tainted: Bool, jobId: JobID? = nil,
            action: PlanAction? = nil, failed: Bool? = nil, changedAt: Timestamp? = nil
        ) {
            self.address = address
            self.module = module
            self.type = type
            self.deposed = deposed
            self.tainted = tainted
            self.jobId = jobId
            self.action = action
            self.failed = failed
            self.changedAt = changedAt
        }
    }

    /// Absent if the vine has no state.
    public var state: StateReference?
    /// All resources, and those that match.
    public var total: Int
    public var matching: Int
    /// How many resources of each type match the text.
    public var types: [String: Int]
    public var items: [Item]
    public var nextCursor: String?
    /// The state has more resources than Trellis reads.
    public var isCut: Bool

    public init(
        state: StateReference?, total: Int = 0, matching: Int = 0, types: [String: Int] = [:], items: [Item] = [],
        nextCursor: String? = nil, isCut: Bool = false
    ) {
        self.state = state
        self.total = total
        self.matching = matching
        self.types = types
        self.items = items
        self.nextCursor = nextCursor
        self.isCut = isCut
    }
}

/// `GET /api/vines/{id}/states/{number}/compare?with=NUMBER`: what is different since the earlier version.
public struct StateComparisonResponse: Codable, ResponseMessage {
    public struct Resource: Codable, Sendable {
        public var address: String
        /// The module's address; empty for the root module.
        public var module: String
        public var type: String
        /// The key of a deposed object.
        public var deposed: String?
        public var action: PlanAction

        public init(address: String, module: String, type: String, deposed: String?, action: PlanAction) {
            self.address = address
            self.module = module
            self.type = type
            self.deposed = deposed
            self.action = action
        }
    }

    public struct Output: Codable, Sendable {
        public var name: String
        public var action: PlanAction
        /// As in ``PlanResourceResponse``.
        public var diff: [JSONValue]
        public var outline: [JSONValue]
        public var isCut: Bool?

        public init(name: String, action: PlanAction, diff: [JSONValue], outline: [JSONValue], isCut: Bool?) {
            self.name = name
            self.action = action
            self.diff = diff
            self.outline = outline
            self.isCut = isCut
        }
    }

    public var from: StateReference
    public var to: StateReference
    /// Numbers of resources: `create`, `update`, `delete`, `no-op`.
    public var counts: [String: Int]
    /// Resources that are different: what is gone comes first.
    public var items: [Resource]
    public var nextCursor: String?
    /// With the first page.
    public var outputs: [Output]
    /// A state has more than Trellis compares.
    public var isCut: Bool

    public init(
        from: StateReference, to: StateReference, counts: [String: Int] = [:], items: [Resource] = [],
        nextCursor: String? = nil, outputs: [Output] = [], isCut: Bool = false
    ) {
        self.from = from
        self.to = to
        self.counts = counts
        self.items = items
        self.nextCursor = nextCursor
        self.outputs = outputs
        self.isCut = isCut
    }
}

/// `GET /api/vines/{id}/states/{number}/compare/resource?with=NUMBER&address=ADDRESS`: the attributes of a resource in two
/// versions.
public struct StateResourceResponse: Codable, ResponseMessage {
    public var address: String
    public var action: PlanAction
    /// As in ``PlanResourceResponse``.
    public var diff: [JSONValue]
    public var outline: [JSONValue]
    public var unchanged: Int
    /// Attributes were left out, or shortened.
    public var isCut: Bool

    public init(
        address: String, action: PlanAction, diff: [JSONValue], outline: [JSONValue], unchanged: Int, isCut: Bool
    ) {
        self.address = address
        self.action = action
        self.diff = diff
        self.outline = outline
        self.unchanged = unchanged
        self.isCut = isCut
    }
}
