public import Domain
public import NIOCore
internal import Synchronization

/// The tables that can be followed.
public enum FeedTable: String, CaseIterable, Sendable {
    case logs = "provision_job_logs"
    case jobs = "provision_jobs"
    case workers = "workers"
    case vines = "vines"
}

/// Who may see a row: whoever may see what it belongs to.
public enum FeedAudience: Hashable, Sendable {
    case everybody
    case vine(VineID, in: VineyardID)
    /// Of one of these.
    case vineyards(Set<VineyardID>)
}

/// What happened to a row.
public enum RowEvent: String, Hashable, Sendable {
    case insert = "INSERT"
    case update = "UPDATE"
    case delete = "DELETE"
}

/// A row, encoded once for all readers and protocols.
public final class FeedRow: RingEntry {
    /// The place in its sequence: a log's `seq`, or a counter of changes.
    public let position: Int64
    public let table: FeedTable
    public let event: RowEvent
    public let committedAt: Timestamp
    /// The row, an object in JSON.
    public let record: ByteBuffer
    public let audience: FeedAudience

    private struct Derived {
        var columns: [String: JSONValue]?
        var frames: [(envelope: FrameFormat, frame: ByteBuffer)] = []
    }

    private let derived = Mutex(Derived())

    /// Nearly all readers request the same few frames.
    private static let keptFrames = 4

    public init(
        position: Int64, table: FeedTable, event: RowEvent, committedAt: Timestamp, record: ByteBuffer,
        audience: FeedAudience = .everybody
    ) {
        self.audience = audience
        self.position = position
        self.table = table
        self.event = event
        self.committedAt = committedAt
        self.record = record
    }

    /// The record, one frame of it with its envelope, the decoded columns, and the objects. It counts ``columns``
    /// before they are decoded: a ring adds and subtracts the same number.
    public var cost: Int { 3 * record.readableBytes + 2048 + table.columns.count * Self.columnCost }

    /// Bytes of one decoded column besides its text: name, value, and its share of the dictionary.
    private static let columnCost = 128

    /// The row's columns by name. Decoded at the first call only: most filters do not need them.
    public var columns: [String: JSONValue] {
        derived.withLock { derived in
            if let columns = derived.columns { return columns }
            var columns: [String: JSONValue] = [:]
            if case .object(let members)? = try? JSONValue(parsing: record.readableBytesView) {
                columns = members
            }
            derived.columns = columns
            return columns
        }
    }

    /// The row in `envelope`, made once for all who ask for it.
    public func frame(_ envelope: FrameFormat) -> ByteBuffer {
        if let frame = derived.withLock({ $0.frames.first { $0.envelope == envelope }?.frame }) { return frame }
        let frame = envelope.wrap(self)
        derived.withLock { derived in
            if derived.frames.count < Self.keptFrames { derived.frames.append((envelope, frame)) }
        }
        return frame
    }
}

/// How a row is wrapped for one kind of reader. Equal envelopes share their frames.
public enum FrameFormat: Hashable, Sendable {
    /// Server-Sent Events: an event `chunk` whose id is the row's position.
    case event
    /// A `postgres_changes` message of Supabase's Realtime.
    case realtime(RealtimeEnvelope)

    func wrap(_ row: FeedRow) -> ByteBuffer {
        switch self {
        case .event:
            var frame = ByteBuffer()
            let event = ServerSentEvent(name: "chunk", id: String(row.position), data: String(buffer: row.record))
            event.write(to: &frame)
            return frame
        case .realtime(let envelope):
            return envelope.wrap(row)
        }
    }
}
