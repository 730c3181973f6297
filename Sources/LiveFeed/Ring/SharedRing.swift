internal import Synchronization

/// A ring and its readers. Nothing is queued per reader: each is a position and a wake-up callback.
final class SharedRing<Entry: RingEntry>: Sendable {
    typealias ReaderID = UInt64

    private struct Reader {
        var after: Int64
        /// Waiting to be notified of new entries.
        var isWaiting: Bool
        var wake: @Sendable () -> Void
    }

    private struct State {
        var ring: Ring<Entry>
        var readers: [ReaderID: Reader] = [:]
        var nextID: ReaderID = 0
        /// Set for good once the sequence has a gap: its readers get no more from here.
        var isBroken = false
    }

    private let state: Mutex<State>

    init(head: Int64) {
        state = Mutex(State(ring: Ring(head: head)))
    }

    /// Restarts the empty ring after `head`.
    func reset(head: Int64) {
        state.withLock { $0.ring = Ring(head: head) }
    }

    /// Whether the sequence has a gap after ``head``.
    var isBroken: Bool { state.withLock(\.isBroken) }

    var head: Int64 { state.withLock { $0.ring.head } }
    var cost: Int { state.withLock { $0.ring.cost } }
    var readers: Int { state.withLock { $0.readers.count } }

    /// Adds a reader that has everything up to `after`; nil places it at the head.
    ///
    /// - Parameter wake: called once when there is news after a reading that found none; it must not block.
    func attach(after: Int64?, wake: @escaping @Sendable () -> Void) -> ReaderID {
        state.withLock { state in
            state.nextID += 1
            state.readers[state.nextID] = Reader(after: after ?? state.ring.head, isWaiting: false, wake: wake)
            return state.nextID
        }
    }

    func detach(_ id: ReaderID) {
        state.withLock { $0.readers[id] = nil }
    }

    /// Reads on, and moves the reader past what it is given. A detached reader gets nothing.
    func read(_ id: ReaderID, bound: Int) -> RingReading<Entry> {
        state.withLock { state in
            guard var reader = state.readers[id] else { return .atHead }
            var reading = state.ring.read(after: reader.after, bound: bound)
            // The reader asks the store and gets the error from there.
            if state.isBroken, case .atHead = reading { reading = .overrun }
            if case .entries(let entries) = reading, let last = entries.last { reader.after = last.position }
            if case .atHead = reading { reader.isWaiting = true }
            state.readers[id] = reader
            return reading
        }
    }

    /// The reader's position; nil if detached.
    func position(of id: ReaderID) -> Int64? {
        state.withLock { $0.readers[id]?.after }
    }

    /// Moves a reader on to what it has read elsewhere.
    func move(_ id: ReaderID, to position: Int64) {
        state.withLock { state in
            guard let after = state.readers[id]?.after, after < position else { return }
            state.readers[id]?.after = position
        }
    }

    /// Skips a position that nobody can read: readers that wait are woken, and all are overrun.
    func skip() {
        let woken: [@Sendable () -> Void] = state.withLock { state in
            state.ring = Ring(head: state.ring.head + 1)
            var woken: [@Sendable () -> Void] = []
            for (id, reader) in state.readers where reader.isWaiting {
                state.readers[id]?.isWaiting = false
                woken.append(reader.wake)
            }
            return woken
        }
        for wake in woken { wake() }
    }

    /// Adds entries and wakes who waits for them. Drops what every reader has passed, then what costs
    /// more than `bound`.
    func append(_ entries: some Sequence<Entry>, bound: Int) {
        add(bound: bound) { _ in entries }
    }

    /// Adds one entry, made for the position after the newest one: nobody else can take that meanwhile.
    func append(bound: Int, _ make: (_ position: Int64) -> Entry) {
        add(bound: bound) { head in CollectionOfOne(make(head + 1)) }
    }

    private func add<Entries: Sequence<Entry>>(bound: Int, _ entries: (_ head: Int64) -> Entries) {
        let woken: [@Sendable () -> Void] = state.withLock { state in
            let before = state.ring.head
            // Overrun readers read from the store, so nothing is kept for them.
            let tail = state.ring.tail
            let slowest = state.readers.values.reduce(before) { $1.after >= tail ? min($0, $1.after) : $0 }
            do { try state.ring.append(entries(before)) } catch { state.isBroken = true }
            state.ring.trim(upTo: slowest, bound: bound)
            guard state.ring.head > before || state.isBroken else { return [] }
            var woken: [@Sendable () -> Void] = []
            for (id, reader) in state.readers where reader.isWaiting {
                state.readers[id]?.isWaiting = false
                woken.append(reader.wake)
            }
            return woken
        }
        for wake in woken { wake() }
    }
}
