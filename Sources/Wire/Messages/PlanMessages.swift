public import Domain

/// One resource that a plan changes, with its attributes; everything sensitive was taken out by the Tendril.
public struct PlanChangeMessage: Codable, Sendable {
    public var change: PlanChange
    /// Equal in two plans that do the same to the resource.
    public var digest: String
    /// `diff`, `outline`, `unchanged`, and perhaps `import_id` and `cut`: as in the API's response.
    public var detail: JSONValue

    public init(change: PlanChange, digest: String, detail: JSONValue) {
        self.change = change
        self.digest = digest
        self.detail = detail
    }
}

/// `PUT /api/jobs/{id}/plan`: a part of what the job plans. Parts come in order; the one with the first resource
/// replaces what came before, so that all of them may be repeated.
public struct SavePlanChangesRequest: Codable, RequestMessage {
    public var epoch: Int
    /// In the order of their numbers, without gaps.
    public var changes: [PlanChangeMessage]
    /// With the last part: counts, outputs and checks.
    public var summary: JSONValue?
    /// The part is the first one.
    public var isFirst: Bool

    public init(epoch: Int, changes: [PlanChangeMessage], summary: JSONValue?, isFirst: Bool) {
        self.epoch = epoch
        self.changes = changes
        self.summary = summary
        self.isFirst = isFirst
    }
}

/// `GET /api/jobs/{id}/plan`: resources that the job's plan changes, what loses data first.
public struct PlanChangesResponse: Codable, ResponseMessage {
    /// `state` (`complete`, `partial`, or `none` where nothing is stored), `job_id` of the plan, `total`, counts per
    /// action, `types`, `outputs`, `checks`, `unchanged`, `hidden_drift`, `truncated`.
    public var summary: JSONValue
    public var items: [PlanChange]
    public var nextCursor: String?

    public init(summary: JSONValue, items: [PlanChange], nextCursor: String?) {
        self.summary = summary
        self.items = items
        self.nextCursor = nextCursor
    }
}

/// `GET /api/jobs/{id}/plan/resources/{n}`: a resource with its attributes; the fields of both in one object.
public struct PlanResourceResponse: Codable, ResponseMessage {
    public var change: PlanChange
    /// `path`, `key`, `depth`, `action` (`create`, `update`, `delete`, `no-op`), `before`, `after`, `sensitive`,
    /// `unknown`, and perhaps `forces`, `write_only` and `cut`.
    public var diff: [JSONValue]
    /// Rows of containers: `at` (how many leaves stand before it), `path`, `key`, `depth`, `kind`, `action`.
    public var outline: [JSONValue]
    /// Leaves that stay the same.
    public var unchanged: Int?
    public var importId: String?
    /// What was left out.
    public var cut: [String]?

    /// - Parameter detail: as in ``PlanChangeMessage``.
    public init(change: PlanChange, detail: JSONValue) {
        func list(_ name: String) -> [JSONValue]? {
            if case .array(let items) = detail[name] { items } else { nil }
        }
        self.change = change
        diff = list("diff") ?? []
        outline = list("outline") ?? []
        unchanged = detail["unchanged"]?.integerValue.map { Int(clamping: $0) }
        importId = detail["import_id"]?.stringValue
        cut = list("cut")?.compactMap(\.stringValue)
    }

    private enum CodingKeys: String, CodingKey { case diff, outline, unchanged, importId, cut }

    public init(from decoder: any Decoder) throws {
        change = try PlanChange(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        diff = try container.decode([JSONValue].self, forKey: .diff)
        outline = try container.decode([JSONValue].self, forKey: .outline)
        unchanged = try container.decodeIfPresent(Int.self, forKey: .unchanged)
        importId = try container.decodeIfPresent(String.self, forKey: .importId)
        cut = try container.decodeIfPresent([String].self, forKey: .cut)
    }

    public func encode(to encoder: any Encoder) throws {
        try change.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(diff, forKey: .diff)
        try container.encode(outline, forKey: .outline)
        try container.encodeIfPresent(unchanged, forKey: .unchanged)
        try container.encodeIfPresent(importId, forKey: .importId)
        try container.encodeIfPresent(cut, forKey: .cut)
    }
}

/// `GET /api/jobs/{id}/plan/compare?with=JOB`: this plan against an earlier one.
public struct PlanComparisonResponse: Codable, ResponseMessage {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// Only this plan changes the resource.
        case new
        /// Both change it, in different ways.
        case different
        /// Only the earlier plan changes it.
        case gone
    }

    public struct Item: Codable, Sendable {
        public var kind: Kind
        /// The resource in this plan; in the earlier one if it is gone from this.
        public var change: PlanChange
        /// Its number in the earlier plan.
        public var baseN: Int?
        /// What the earlier plan does to it, where that is different.
        public var baseAction: PlanAction?

        public init(kind: Kind, change: PlanChange, baseN: Int? = nil, baseAction: PlanAction? = nil) {
            self.kind = kind
            self.change = change
            self.baseN = baseN
            self.baseAction = baseAction
        }
    }

    public var jobId: JobID
    public var with: JobID
    /// Numbers of resources: `new`, `different`, `gone`, `same`.
    public var counts: [String: Int]
    public var items: [Item]
    /// There are more than the response names.
    public var isCut: Bool

    public init(jobId: JobID, with: JobID, counts: [String: Int], items: [Item], isCut: Bool) {
        self.jobId = jobId
        self.with = with
        self.counts = counts
        self.items = items
        self.isCut = isCut
    }
}
