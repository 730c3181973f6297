public import Domain

/// Everything that Trellis asks of a database. One folder beside this file per engine that can do it;
/// `StoreConformance` (in the tests) says what each of them must do.
///
/// Rules for all of it: a call that changes something is one atomic commit, durable when it returns. Every change of
/// a job's state goes through ``JobLifecycle/decide(_:on:type:)`` inside that commit. A ``Refusal`` means that
/// nothing was changed. Cancelling the calling task never undoes nor half-does a change.
public protocol Store: JobStore, LogStore, VineStore, TendrilStore, StateStore, ArtifactStore, AccessStore {
    /// Throws where the database can't be read and written at the moment (for `/readyz`).
    func check() async throws
    /// Finishes what was begun and lets go of the database.
    func close() async throws
}

/// What was committed, for those who watch.
public enum StoreChange: Hashable, Sendable {
    /// A job was made (`isNew`), or any of its fields changed.
    case job(JobID, isNew: Bool = false)
    /// A job's log grew up to `seq`.
    case log(JobID, seq: Int64)
    /// A Tendril was made (`isNew`), said something of itself, or changed.
    case tendril(TendrilID, isNew: Bool = false)
    /// A vine was made (`isNew`), or its settings, its lock or its newest state changed, or it was deleted.
    case vine(VineID, isNew: Bool = false)
}

/// Called after each commit, in commit order, with what it changed. It must not block, nor call the store.
public typealias ChangeObserver = @Sendable ([StoreChange]) -> Void

/// One page of a list, newest first. `next` asks for the one after it.
public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    /// Opaque to everybody but the store; nil on the last page.
    public var next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}
