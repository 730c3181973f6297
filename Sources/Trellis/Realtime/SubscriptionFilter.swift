internal import Foundation
internal import LiveFeed
internal import NIOCore
internal import Synchronization

/// Selects and encodes the rows for a channel's bindings.
struct SubscriptionFilter: Sendable {
    var topic: String
    var version: RealtimeVersion
    /// Each with the position after which it asks.
    var bindings: [(binding: ChangeBinding, after: Int64)]
    /// Whether the reader may see a row, at this moment.
    var isVisible: @Sendable (FeedRow) -> Bool = { _ in true }

    /// Whether finding frames takes more than an event loop has time for.
    var isFiltered: Bool { bindings.contains { $0.binding.isFiltered } }

    func frames(of rows: some Sequence<FeedRow>) -> [ByteBuffer] { rows.compactMap(frame) }

    private func frame(of row: FeedRow) -> ByteBuffer? { frame(of: row, after: {}) }

    /// - Parameter check: called after each binding that looks into the row; ends the work by throwing.
    private func frame(of row: FeedRow, after check: () throws -> Void) rethrows -> ByteBuffer? {
        var ids: [Int64] = []
        var columns: [String]? = []
        for (binding, after) in bindings where row.position > after {
            let matches = binding.matches(row)
            if binding.isFiltered { try check() }
            guard matches else { continue }
            if !ids.contains(binding.id) { ids.append(binding.id) }
            // Columns that one of them asks for, or all.
            columns = binding.columns.flatMap { more in columns.map { $0 + more } }
        }
        guard !ids.isEmpty, isVisible(row) else { return nil }
        return row.frame(.realtime(RealtimeEnvelope(version: version, topic: topic, ids: ids, columns: columns)))
    }
}

/// How long filters may take, in processor time of their thread: a busy machine makes no filter too expensive.
struct FilterTime: Sendable {
    /// One row in one channel. A channel that needs more is closed.
    var row = Duration.seconds(1)
    /// One turn. The next turn belongs to another connection.
    var turn = Duration.milliseconds(50)
    var now: @Sendable () -> Duration = {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

/// What the filters of a channel did in one turn.
struct FilteredRows: Sendable {
    var frames: [ByteBuffer] = []
    /// Rows for the next turn.
    var rest: ArraySlice<FeedRow> = []
    /// A row took longer than ``FilterTime/row``.
    var isTooExpensive = false
}

extension SubscriptionFilter {
    private struct TooExpensive: Error {}

    /// The frames of `rows`, as far as one turn suffices.
    func filter(_ rows: ArraySlice<FeedRow>, within time: FilterTime) -> FilteredRows {
        var filtered = FilteredRows()
        let start = time.now()
        for (index, row) in zip(rows.indices, rows) {
            let begin = time.now()
            if index > rows.startIndex, begin - start >= time.turn {
                filtered.rest = rows[index...]
                break
            }
            do {
                let frame = try frame(of: row) {
                    if time.now() - begin >= time.row { throw TooExpensive() }
                }
                if let frame { filtered.frames.append(frame) }
            } catch {
                filtered.isTooExpensive = true
                break
            }
        }
        return filtered
    }
}

/// The filters of one connection: one turn at a time, so that many channels get no more than one would.
final class FilterQueue: Sendable {
    private struct State {
        var isBusy = false
        var waiting: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let run: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// - Parameter run: runs a turn on a thread for filters.
    init(run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { WorkPool.filters.submit($0) }) {
        self.run = run
    }

    /// Runs `turn` once the turns before it are over.
    func submit(_ turn: @escaping @Sendable () -> Void) {
        let isFirst = state.withLock { state in
            guard state.isBusy else {
                state.isBusy = true
                return true
            }
            state.waiting.append(turn)
            return false
        }
        if isFirst { begin(turn) }
    }

    private func begin(_ turn: @escaping @Sendable () -> Void) {
        run {
            turn()
            let next = self.state.withLock { state in
                guard !state.waiting.isEmpty else {
                    state.isBusy = false
                    return nil as (@Sendable () -> Void)?
                }
                return state.waiting.removeFirst()
            }
            if let next { self.begin(next) }
        }
    }
}

/// A log for one channel: what the ring has lost comes from the store.
struct LogDeliverySource: RowSource {
    var reader: LogReader
    var selection: SubscriptionFilter

    func next(bound: Int) -> RingReading<FeedRow> { reader.next(bound: bound) }
    func readFromStore() async throws -> [FeedRow]? { try await reader.page() }
    var isFiltered: Bool { selection.isFiltered }
    func frames(of rows: some Sequence<FeedRow>) -> [ByteBuffer] { selection.frames(of: rows) }
    func filter(_ rows: ArraySlice<FeedRow>, within time: FilterTime) -> FilteredRows {
        selection.filter(rows, within: time)
    }
    func leave() { reader.close() }
}

/// Changes of rows for one channel: rows dropped by the ring are lost; calls `onLost`.
struct RowDeliverySource: RowSource {
    var reader: RowReader
    var selection: SubscriptionFilter
    var onLost: @Sendable () -> Void

    func next(bound: Int) -> RingReading<FeedRow> { reader.next(bound: bound) }
    func readFromStore() async throws -> [FeedRow]? {
        onLost()
        return nil
    }
    var isFiltered: Bool { selection.isFiltered }
    func frames(of rows: some Sequence<FeedRow>) -> [ByteBuffer] { selection.frames(of: rows) }
    func filter(_ rows: ArraySlice<FeedRow>, within time: FilterTime) -> FilteredRows {
        selection.filter(rows, within: time)
    }
    func leave() { reader.close() }
}
