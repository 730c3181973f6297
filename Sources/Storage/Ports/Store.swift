/// Everything that Trellis needs from a database. Each engine has its own folder;
/// `StoreConformance` (in the tests) says what each of them must do.
///
/// Rules for all of it: a call that changes something is one atomic commit, durable when it returns. Every change of
/// a job's state goes through ``JobLifecycle/decide(_:on:type:)`` inside that commit. A ``Refusal`` means that
/// nothing was changed. Canceling the calling task never undoes a change or leaves it half done.
public protocol Store: JobStore, LogStore, VineStore, TendrilStore, StateStore, ArtifactStore, PlanChangesStore,
    RunResourcesStore, ErrorStore, AccessStore, UserStore, RightsStore, AuditStore, RepeatStore, IdentityStore
{
    /// Throws where the database can't be read and written at the moment (for `/readyz`).
    func check() async throws
    /// Finishes pending work and closes the database.
    func close() async throws
    /// This store for one who performs a duty. Its writes are refused with ``StorageError`` `.fenced` once another node
    /// has the duty, so that a node that stood still for a while can't undo the other's work.
    func bound(to term: DutyTerm) -> Self
}

/// The time in which one node has a duty; each has a higher number than those before it.
public struct DutyTerm: Hashable, Sendable {
    public var duty: String
    public var number: Int64

    public init(duty: String, number: Int64) {
        self.duty = duty
        self.number = number
    }
}

/// One page of a list, newest first. `next` asks for the one after it.
public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    /// Opaque to callers; nil on the last page.
    public var next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}
