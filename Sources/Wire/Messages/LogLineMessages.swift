public import Domain

/// `GET /api/jobs/{id}/logs/lines`: a range of visible lines.
public struct LineWindowResponse: Codable, ResponseMessage {
    public struct Line: Codable, Sendable {
        /// The line's number, from 1.
        public var n: Int64
        public var stream: LogStream
        public var t: Timestamp
        /// The visible text: no control sequences.
        public var text: String
        /// It continues the stream's previous line.
        public var continued: Bool
        /// Offset (UTF-16 units) and ``TextStyle/key``, alternating; nil for a plain line or if no styles were requested.
        public var runs: [JSONValue]?
        /// What kind of diagnostic the line is part of.
        public var mark: DiagnosticMarker.Kind?
        /// The line names the diagnostic.
        public var head: Bool?
        /// The whole line's length in UTF-16 units, if `text` is only its start.
        public var length: Int?

        public init(
            n: Int64, stream: LogStream, t: Timestamp, text: String, continued: Bool, runs: [JSONValue]? = nil,
            mark: DiagnosticMarker.Kind? = nil, head: Bool? = nil, length: Int? = nil
        ) {
            self.n = n
            self.stream = stream
            self.t = t
            self.text = text
            self.continued = continued
            self.runs = runs
            self.mark = mark
            self.head = head
            self.length = length
        }
    }

    /// A stream's parser state after the last line.
    public struct End: Codable, Sendable {
        /// ``TextStyle/key``.
        public var style: String?
        /// The beginning of a control sequence that the last line was cut in.
        public var rest: String?
        /// An open diagnostic box: its kind, "open" while that is not known.
        public var box: String?

        public init(style: String?, rest: String?, box: String?) {
            self.style = style
            self.rest = rest
            self.box = box
        }
    }

    /// The number of the first line, or the requested number if there is none.
    public var from: Int64
    /// Lines in the whole log.
    public var total: Int64
    /// The log's last `seq` when this was read: the position to follow from.
    public var seq: Int64
    /// The first line's row, from 0, among the lines of the streams that were asked for; and how many rows there are.
    public var row: Int64
    public var rows: Int64
    /// Lines of the whole log by stream.
    public var counts: [String: Int64]
    public var logState: String
    public var lines: [Line]
    /// By stream, only streams whose state is not plain; only where the window reaches the log's end with all streams.
    public var ends: [String: End]?

    public init(
        from: Int64, total: Int64, seq: Int64, row: Int64, rows: Int64, counts: [String: Int64], logState: String,
        lines: [Line], ends: [String: End]? = nil
    ) {
        self.from = from
        self.total = total
        self.seq = seq
        self.row = row
        self.rows = rows
        self.counts = counts
        self.logState = logState
        self.lines = lines
        self.ends = ends
    }
}

/// `GET /api/jobs/{id}/logs/outline`: the positions of all diagnostics.
public struct LogOutlineResponse: Codable, ResponseMessage {
    public var total: Int64
    public var seq: Int64
    /// Numbers of the lines that name an error, in order.
    public var errors: [Int64]
    public var warnings: [Int64]
    /// The list is truncated.
    public var capped: Bool

    public init(total: Int64, seq: Int64, errors: [Int64], warnings: [Int64], capped: Bool) {
        self.total = total
        self.seq = seq
        self.errors = errors
        self.warnings = warnings
        self.capped = capped
    }
}

/// A line of `GET /api/jobs/{id}/logs/search`: a hit, how far the search is, or its end.
public enum SearchMessage: Sendable {
    case hit(SearchHitMessage)
    case progress(SearchProgressMessage)
    case end(SearchEndMessage)
}

/// A hit. Column and length are UTF-16 units of the visible text.
public struct SearchHitMessage: Codable, Hashable, Sendable {
    public var n: Int64
    public var col: Int
    public var len: Int

    public init(n: Int64, col: Int, len: Int) {
        self.n = n
        self.col = col
        self.len = len
    }

    /// The hit as JSON, with a line feed. A search may have 100,000 hits, so no encoder is involved.
    public var line: String { #"{"n":\#(n),"col":\#(col),"len":\#(len)}"# + "\n" }
}

/// How far a search is, if the request asked for `progress`.
public struct SearchProgressMessage: Codable, Hashable, Sendable {
    /// The last line that was searched.
    public var scanned: Int64

    public init(scanned: Int64) { self.scanned = scanned }

    /// The message as JSON, with a line feed.
    public var line: String { #"{"scanned":\#(scanned)}"# + "\n" }
}

/// The last line of `GET /api/jobs/{id}/logs/search`.
public struct SearchEndMessage: Codable, Hashable, Sendable {
    public var done: Bool
    /// The number of hits sent.
    public var total: Int
    /// The last line searched.
    public var scanned: Int64
    /// The search stopped early; see `reason`.
    public var capped: Bool
    public var reason: String?

    public init(done: Bool, total: Int, scanned: Int64, capped: Bool, reason: String?) {
        self.done = done
        self.total = total
        self.scanned = scanned
        self.capped = capped
        self.reason = reason
    }
}
