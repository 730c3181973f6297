internal import LiveFeed
internal import NIOCore

/// Selects and encodes the rows for a channel's bindings.
struct SubscriptionFilter: Sendable {
    var topic: String
    var version: RealtimeVersion
    /// Each with the position after which it asks.
    var bindings: [(binding: ChangeBinding, after: Int64)]

    /// Whether finding frames takes more than an event loop has time for.
    var isFiltered: Bool { bindings.contains { $0.binding.isFiltered } }

    func frames(of rows: some Sequence<FeedRow>) -> [ByteBuffer] { rows.compactMap(frame) }

    private func frame(of row: FeedRow) -> ByteBuffer? {
        var ids: [Int64] = []
        var columns: [String]? = []
        for (binding, after) in bindings where row.position > after && binding.matches(row) {
            if !ids.contains(binding.id) { ids.append(binding.id) }
            // Columns that one of them asks for, or all.
            columns = binding.columns.flatMap { more in columns.map { $0 + more } }
        }
        guard !ids.isEmpty else { return nil }
        return row.frame(.realtime(RealtimeEnvelope(version: version, topic: topic, ids: ids, columns: columns)))
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
    func leave() { reader.close() }
}
