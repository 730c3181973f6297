internal import LiveFeed
internal import NIOCore
internal import Storage
internal import Synchronization
internal import WebSocket

/// The source of a delivery.
protocol RowSource: Sendable {
    /// The next rows, at once.
    func next(bound: Int) -> RingReading<FeedRow>
    /// The next rows from elsewhere, if the ring has dropped them; nil ends the delivery.
    func readFromStore() async throws -> [FeedRow]?
    /// Whether ``frames(of:)`` is work that an event loop has no time for.
    var isFiltered: Bool { get }
    func frames(of rows: some Sequence<FeedRow>) -> [ByteBuffer]
    /// As ``frames(of:)``, for one turn of a thread for filters.
    func filter(_ rows: ArraySlice<FeedRow>, within time: FilterTime) -> FilteredRows
    /// Removes the cursor.
    func leave()
}

/// Sends rows after a cursor to a connection, as fast as it accepts them.
///
/// All of it happens on the connection's event loop, without a separate task; only pages that the ring has lost, and
/// rows that must be looked into, are waited for. A stalled connection costs nothing.
final class RowSender: Sendable {
    private struct State {
        var source: (any RowSource)?
        var isStarted = false
        /// A page is read, or rows are filtered.
        var isReading = false
        /// Rows of a page that are still to be sent.
        var page: ArraySlice<FeedRow> = []
    }

    /// Why a sender stopped by itself. Trying again would not help.
    enum Failure: Sendable {
        /// The filters took too long for one row.
        case tooExpensive
        /// What is stored can't be read.
        case damaged

        static func isDamage(_ error: any Error) -> Bool {
            error is SequenceGap || (error as? StorageError)?.kind == .corrupt
        }
    }

    private enum Step {
        case send(any RowSource, ArraySlice<FeedRow>)
        case filter(any RowSource, ArraySlice<FeedRow>)
        case read(any RowSource)
        case rest
    }

    private let connection: WebSocketConnection
    private let filters: FilterQueue
    private let onFailure: @Sendable (Failure) -> Void
    private let burst: Int
    private let state = Mutex(State())

    private static let retry = TimeAmount.seconds(1)

    /// - Parameters:
    ///   - filters: those of the connection.
    ///   - burst: bytes sent between checks of writability.
    ///   - onFailure: called once the sender has stopped by itself.
    init(
        connection: WebSocketConnection, filters: FilterQueue, burst: Int,
        onFailure: @escaping @Sendable (Failure) -> Void
    ) {
        self.connection = connection
        self.filters = filters
        self.burst = burst
        self.onFailure = onFailure
    }

    func follow(_ source: some RowSource) {
        state.withLock { $0.source = source }
    }

    func start() {
        state.withLock { $0.isStarted = true }
        wake()
    }

    /// New rows exist. Thread-safe.
    func wake() {
        connection.eventLoop.execute { self.sendAvailable() }
    }

    /// Sends nothing more, and gives the cursor up.
    func stop() {
        let source = state.withLock { state in
            defer { state.source = nil }
            state.page = []
            return state.source
        }
        source?.leave()
    }

    /// Sends until there is nothing more, or the connection takes no more. On the event loop.
    func sendAvailable() {
        while connection.isWritable {
            switch step() {
            case .send(let source, let rows): connection.send(source.frames(of: rows))
            case .filter(let source, let rows): return filter(rows, for: source)
            case .read(let source): return read(source)
            case .rest: return
            }
        }
    }

    private func step() -> Step {
        state.withLock { state in
            guard let source = state.source, state.isStarted, !state.isReading else { return .rest }
            func hand(_ rows: ArraySlice<FeedRow>) -> Step {
                guard source.isFiltered else { return .send(source, rows) }
                state.isReading = true
                return .filter(source, rows)
            }
            if !state.page.isEmpty { return hand(Self.take(&state.page, bound: burst)) }
            switch source.next(bound: burst) {
            case .entries(let rows): return hand(rows[...])
            case .atHead: return .rest
            case .overrun:
                state.isReading = true
                return .read(source)
            }
        }
    }

    private static func take(_ page: inout ArraySlice<FeedRow>, bound: Int) -> ArraySlice<FeedRow> {
        var bytes = 0
        let taken = page.prefix { row in
            defer { bytes += row.cost }
            return bytes < bound
        }
        page = page[taken.endIndex...]
        return taken
    }

    /// Looks into rows away from the event loop, and sends what passes.
    private func filter(_ rows: ArraySlice<FeedRow>, for source: any RowSource) {
        let eventLoop = connection.eventLoop
        filters.submit {
            guard self.state.withLock({ $0.source != nil }) else { return }
            let filtered = source.filter(rows, within: FilterTime())
            eventLoop.execute { self.take(filtered) }
        }
    }

    private func take(_ filtered: FilteredRows) {
        let isWanted = state.withLock { state in
            state.isReading = false
            state.page = filtered.rest + state.page
            return state.source != nil
        }
        guard isWanted else { return }
        if !filtered.frames.isEmpty { connection.send(filtered.frames) }
        if filtered.isTooExpensive {
            fail(.tooExpensive)
        } else {
            sendAvailable()
        }
    }

    private func fail(_ failure: Failure) {
        stop()
        onFailure(failure)
    }

    private func read(_ source: any RowSource) {
        let eventLoop = connection.eventLoop
        Task {
            do {
                let rows = try await source.readFromStore()
                eventLoop.execute { self.took(rows) }
            } catch  where Failure.isDamage(error) {
                eventLoop.execute { self.fail(.damaged) }
            } catch {
                // The store is unavailable; retry later.
                eventLoop.scheduleTask(in: Self.retry) { self.took([]) }
            }
        }
    }

    /// - Parameter rows: nil where there will be no more.
    private func took(_ rows: [FeedRow]?) {
        let isWanted = state.withLock { state in
            state.isReading = false
            guard state.source != nil, let rows else { return false }
            state.page = rows[...]
            return true
        }
        if isWanted { sendAvailable() }
    }
}
