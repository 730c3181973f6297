public import Domain
internal import NIOCore
internal import Synchronization

/// Changes of the rows of every table but ``FeedTable/logs``, for all who follow them.
///
/// These tables keep no history: a reader gets each row in its current state, and changes of
/// one row that arrive faster than they are read merge. A reader that falls out of the ring is notified and
/// starts again.
public final class TableFeed: Sendable {
    /// A row that changed.
    private struct Key: Hashable {
        var table: FeedTable
        var id: String
    }

    private struct State {
        /// Pending rows, each once, in the order of the first change.
        var order: [Key] = []
        var events: [Key: RowEvent] = [:]
        var isRunning = false
    }

    private let source: any FeedSource
    private let limits: FeedLimits
    private let now: @Sendable () -> Timestamp
    private let ring = SharedRing<FeedRow>(head: 0)
    private let state = Mutex(State())

    public init(source: any FeedSource, limits: FeedLimits = FeedLimits(), now: @escaping @Sendable () -> Timestamp) {
        self.source = source
        self.limits = limits
        self.now = now
    }

    public var readers: Int { ring.readers }

    /// A row was made or changed. To be called after the commit; it returns at once.
    public func changed(_ table: FeedTable, id: String, _ event: RowEvent) {
        guard ring.readers > 0 else { return }
        let starts = state.withLock { state in
            let key = Key(table: table, id: id)
            // A pending INSERT stays an INSERT.
            if state.events.updateValue(state.events[key] == .insert ? .insert : event, forKey: key) == nil {
                state.order.append(key)
            }
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { Task { await pass() } }
    }

    /// It is not known which rows changed. Every reader learns that it has missed changes, and starts again.
    public func missed() { ring.skip() }

    /// Places a cursor at the end: it receives every change from now on.
    ///
    /// - Parameter wake: called when there is news after a reading that found none: from any thread, and it must not
    ///   block.
    public func follow(wake: @escaping @Sendable () -> Void) -> RowReader {
        RowReader(id: ring.attach(after: nil, wake: wake), ring: ring)
    }

    private func pass() async {
        while let (key, event) = next() {
            guard let record = await record(of: key) else { continue }
            let committedAt = now()
            ring.append(bound: limits.ringBytes) { position in
                FeedRow(
                    position: position, table: key.table, event: event, committedAt: committedAt,
                    record: record.record, audience: record.audience)
            }
        }
    }

    /// The current row; nil if it no longer exists, or if no reader is left. A store that is unavailable for a moment
    /// must not lose the change.
    private func record(of key: Key) async -> (record: ByteBuffer, audience: FeedAudience)? {
        while true {
            do {
                return try await source.shared(key.table, id: key.id)
            } catch {
                guard ring.readers > 0 else { return nil }
                try? await Task.sleep(for: Self.retry)
            }
        }
    }

    private static let retry = Duration.milliseconds(250)

    private func next() -> (Key, RowEvent)? {
        state.withLock { state in
            guard !state.order.isEmpty, let event = state.events.removeValue(forKey: state.order[0]) else {
                state.isRunning = false
                return nil
            }
            return (state.order.removeFirst(), event)
        }
    }
}

/// One reader's place among the changes. Used by one at a time.
public final class RowReader: Sendable {
    private let id: UInt64
    private let ring: SharedRing<FeedRow>

    init(id: UInt64, ring: SharedRing<FeedRow>) {
        self.id = id
        self.ring = ring
    }

    deinit { close() }

    /// What comes next, at once. `.overrun` means that changes were missed: the reader must start again.
    public func next(bound: Int) -> RingReading<FeedRow> { ring.read(id, bound: bound) }

    /// Gives the place up.
    public func close() { ring.detach(id) }
}
