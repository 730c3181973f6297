public import Domain

/// What plans change: one row per resource. The attributes are encrypted at rest, as plans are.
///
/// A job's rows are removed with the job.
public protocol PlanChangesStore: Sendable {
    /// Stores a part of what the job plans. The first part replaces all that was stored before; a resource that comes
    /// again replaces the one of the same number. With its summary, the plan is complete.
    ///
    /// - Throws: ``Refusal`` `.leaseLost` if `epoch`'s lease is not held; `.notFound` without the job.
    func savePlanChanges(_ part: PlanChangesPart, of job: JobID, epoch: Int) async throws

    /// nil if nothing is stored.
    func planSummary(of job: JobID) async throws -> StoredPlanSummary?

    /// Resources in the order of their numbers, after the number `after`. A page costs the same however many resources
    /// the plan has: it may have fewer than `limit`, even none, although another one follows.
    func planChanges(
        of job: JobID, _ query: PlanChangeQuery, limit: Int, after: Int
    ) async throws -> PlanChangePage

    /// A resource with its attributes; nil if there is none of that number.
    func planChange(_ n: Int, of job: JobID) async throws -> PlanChangeRecord?

    /// All resources with their digests, without attributes: at most ``PlanChangeLimits/resources``.
    func planDigests(of job: JobID) async throws -> [PlanChangeDigest]
}

/// A part of what a job plans.
public struct PlanChangesPart: Sendable {
    public var changes: [PlanChangeRecord]
    /// With the last part.
    public var summary: JSONValue?
    public var isFirst: Bool

    public init(changes: [PlanChangeRecord], summary: JSONValue? = nil, isFirst: Bool) {
        self.changes = changes
        self.summary = summary
        self.isFirst = isFirst
    }
}

/// A planned resource with its attributes.
public struct PlanChangeRecord: Hashable, Sendable {
    public var change: PlanChange
    /// Equal in two plans that do the same to the resource.
    public var digest: String
    /// The attributes: an object.
    public var detail: JSONValue

    public init(change: PlanChange, digest: String, detail: JSONValue) {
        self.change = change
        self.digest = digest
        self.detail = detail
    }
}

/// A planned resource, for comparisons of plans.
public struct PlanChangeDigest: Hashable, Sendable {
    public var change: PlanChange
    public var digest: String

    public init(change: PlanChange, digest: String) {
        self.change = change
        self.digest = digest
    }
}

/// A plan's counts, outputs and checks.
public struct StoredPlanSummary: Hashable, Sendable {
    /// nil until the plan is complete.
    public var summary: JSONValue?

    public init(summary: JSONValue?) { self.summary = summary }
}

/// Which resources of a plan to list; nil fields do not matter.
public struct PlanChangeQuery: Hashable, Sendable {
    public var actions: Set<PlanAction>?
    public var type: String?
    /// A part of the address, whatever the case of ASCII letters.
    public var text: String?

    public init(actions: Set<PlanAction>? = nil, type: String? = nil, text: String? = nil) {
        self.actions = actions
        self.type = type
        self.text = text
    }
}

/// A page of a plan's resources.
public struct PlanChangePage: Hashable, Sendable {
    public var items: [PlanChange]
    /// The number after which the next page begins; nil on the last page.
    public var next: Int?

    public init(items: [PlanChange], next: Int?) {
        self.items = items
        self.next = next
    }
}
