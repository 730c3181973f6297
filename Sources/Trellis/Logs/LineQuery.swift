internal import Domain
internal import Wire

/// Which lines of a log are requested.
struct LineQuery: Sendable {
    enum Start: Hashable, Sendable {
        /// From this line on, or the next one that is shown.
        case line(Int64)
        /// From this row on, counted among the lines that are shown.
        case row(Int64)
        /// The last lines.
        case tail
    }

    var start: Start
    var count: Int
    /// Lines of other streams are not shown.
    var streams: Set<LogStream>
    /// With styles, marks and the state at the log's end.
    var isStyled: Bool
    /// Longer lines are cut here, in UTF-16 units; nil for whole lines.
    var fold: Int?

    /// Whole lines may be long: a window has fewer of them.
    static let maxWhole = 100
    /// About forty lines of a wide window.
    static let foldLength = 4096

    init(start: Start, count: Int, streams: Set<LogStream>, isStyled: Bool = false, fold: Int? = nil) {
        self.start = start
        self.count = count
        self.streams = streams
        self.isStyled = isStyled
        self.fold = fold
    }

    /// - Throws: ``Refusal`` `.invalid` for an invalid query.
    init(_ call: APICall<JobID>) throws {
        typealias Lines = LogEndpoints.Lines
        streams = try call.query(LogEndpoints.streams) ?? Set(LogStream.allCases)
        isStyled = try call.query(Lines.styles) ?? false
        let folds = try call.query(Lines.fold) ?? true
        fold = folds ? Self.foldLength : nil
        let tail = try call.query(Lines.tail)
        let most = folds ? Lines.maxCount : Self.maxWhole
        count = try tail ?? call.query(Lines.count) ?? min(300, most)
        guard count <= most else {
            throw Refusal(.invalid, "A response has at most \(most) lines that are not folded.")
        }
        start =
            if tail != nil {
                .tail
            } else if let row = try call.query(Lines.row) {
                .row(row)
            } else {
                .line(try call.query(LogEndpoints.from) ?? 1)
            }
    }
}
