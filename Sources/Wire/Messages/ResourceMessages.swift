public import Domain

/// `PUT /api/jobs/{id}/resources`: resources that have changed since the last message, and once the plan's graph.
public struct ReportResourcesRequest: Codable, RequestMessage {
    public var epoch: Int
    public var items: [RunResource]
    public var graph: RunGraph?

    public init(epoch: Int, items: [RunResource] = [], graph: RunGraph? = nil) {
        self.epoch = epoch
        self.items = items
        self.graph = graph
    }

    /// The maximum number of items in one message.
    public static let maximumItems = 1000
    /// About the size of the items in one message, as the Tendril counts it.
    public static let itemBytes = 256 << 10
    /// The maximum size of a message. Escaping may enlarge text.
    public static let maximumBytes = 3 * RunGraph.maximumBytes
}

/// `GET /api/jobs/{id}/resources`.
public struct RunResourcesResponse: Codable, ResponseMessage {
    /// Resources in the order of their beginning; those that wait come last, in the order of the plan.
    public var items: [RunTimeline.Item]
    /// For the next request's `since`.
    public var revision: Int64
    /// The items are only what has changed, and those on the critical path; no other item is on it.
    public var isPartial: Bool
    public var serverNow: Timestamp

    public init(items: [RunTimeline.Item], revision: Int64, isPartial: Bool, serverNow: Timestamp) {
        self.items = items
        self.revision = revision
        self.isPartial = isPartial
        self.serverNow = serverNow
    }
}
