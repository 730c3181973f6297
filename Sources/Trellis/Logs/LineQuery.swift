internal import Domain
internal import Hummingbird
internal import Storage

/// Which lines of a log are asked for.
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

    static let maxCount = 5000
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

    /// - Throws: ``Refusal`` `.invalid` for what can't be.
    init(_ request: Request) throws {
        streams = try request.streams()
        isStyled = try request.number("styles", in: 0...1, fallback: 0) == 1
        let folds = try request.number("fold", in: 0...1, fallback: 1) == 1
        fold = folds ? Self.foldLength : nil
        let most = folds ? Self.maxCount : Self.maxWhole
        let tail = try request.number("tail", in: 1...most, fallback: 0)
        if tail > 0 {
            (start, count) = (.tail, tail)
            return
        }
        count = try request.number("count", in: 1...most, fallback: min(300, most))
        start =
            if try request.text("row") != nil {
                .row(try request.number("row", in: 0...Int64.max, fallback: 0))
            } else {
                .line(try request.number("from", in: 1...Int64.max, fallback: 1))
            }
    }
}

extension Request {
    /// `streams=STDOUT,STDERR`; all of them without.
    func streams() throws -> Set<LogStream> {
        guard let names = try text("streams") else { return Set(LogStream.allCases) }
        let streams = try names.split(separator: ",").map { name in
            guard let stream = LogStream(rawValue: String(name)) else {
                let all = LogStream.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refusal(.invalid, "\"streams\" names some of \(all), with commas between them.")
            }
            return stream
        }
        guard !streams.isEmpty else { throw Refusal(.invalid, "\"streams\" names at least one stream.") }
        return Set(streams)
    }
}
