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

/// How many resources of a running job are not done.
public struct RunProgressResponse: Codable, Hashable, Sendable {
    public var left: Int
    public var total: Int
}

/// When a running job will probably end, by how long its resources took before.
public struct RunForecastResponse: Codable, Hashable, Sendable {
    public var remainingMs: Int64
    /// 9 of 10 end before.
    public var p90Ms: Int64
    /// The running resource that the end depends on, and how long it usually takes.
    public var waitingOn: String?
    public var usualMs: Int64?
    /// What the forecast is made from, in words.
    public var basis: String

    public init(_ forecast: RunProgress.Forecast, at now: Timestamp) {
        remainingMs = max(0, forecast.endsAt.milliseconds(since: now))
        p90Ms = max(0, forecast.p90EndsAt.milliseconds(since: now))
        waitingOn = forecast.waitingOn
        usualMs = forecast.usualMs
        basis = forecast.basis
    }
}

/// How good the forecasts of the last jobs were at half of their time.
public struct ForecastAccuracyResponse: Codable, ResponseMessage {
    /// A job that has succeeded.
    public struct Item: Codable, Sendable {
        public var jobId: JobID
        public var vineId: VineID
        public var startedAt: Timestamp
        /// When the forecast was made.
        public var madeAt: Timestamp
        /// When the job would end, by the forecast.
        public var expectedAt: Timestamp
        public var endedAt: Timestamp
        /// By how much of the job's whole time the forecast missed the end: 0.25 is a quarter, early or late.
        public var error: Double

        public init(_ result: ForecastResult) {
            jobId = result.job
            vineId = result.vine
            startedAt = result.startedAt
            madeAt = result.madeAt
            expectedAt = result.expectedAt
            endedAt = result.endedAt
            error = result.error
        }
    }

    public var count: Int
    /// Absent without a job.
    public var medianError: Double?
    /// 9 of 10 errors are not larger.
    public var p90Error: Double?
    /// The last to end first.
    public var items: [Item]

    public init(_ results: [ForecastResult]) {
        let accuracy = ForecastAccuracy(results.map(\.error))
        count = accuracy.count
        medianError = accuracy.median
        p90Error = accuracy.p90
        items = results.map(Item.init)
    }
}
