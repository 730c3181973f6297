import Domain
import SystemCalls

/// Records the end offsets of the engine's output.
struct CaptureRecorder {
    private let order: OpenFile
    private let files: [(stream: LogStream, file: OpenFile)]
    private var recorded: [LogStream: Int64] = [:]

    init(_ folder: JobFolder) throws(PosixError) {
        order = try OpenFile(folder.order, .append)
        files = [
            (.stdout, try OpenFile(folder.capture(of: .stdout), .read)),
            (.stderr, try OpenFile(folder.capture(of: .stderr), .read)),
        ]
    }

    /// Records the streams that have grown since the last call.
    ///
    /// - Parameter first: the stream that grew first.
    /// - Returns: whether any stream has grown.
    /// - Throws: if it could not be written; the next call tries again, and no byte is lost.
    mutating func record(first: LogStream? = nil, at moment: Timestamp) throws(PosixError) -> Bool {
        var grown: [(stream: LogStream, end: Int64)] = []
        for (stream, file) in files {
            let end = try file.size()
            if end > recorded[stream] ?? 0 { grown.append((stream, end)) }
        }
        if grown.isEmpty { return false }
        if grown.count == 2, grown[1].stream == first { grown.swapAt(0, 1) }
        try order.append(grown.flatMap { OrderRecord(at: moment, .output($0.stream, end: $0.end)).encoded })
        for (stream, end) in grown { recorded[stream] = end }
        return true
    }

    /// Records an idle mark.
    func recordIdle(at moment: Timestamp) throws(PosixError) {
        try order.append(OrderRecord(at: moment, .idle).encoded)
    }
}

/// One observation of the `order` file: the authoritative record of timing and order.
///
/// On disk: 32 bytes of text, `1789000000000 O 000000000012345` and a line feed. Offsets only grow, so a record that
/// is lost costs the time of its lines, not their bytes. Two processes append; each record is one write.
struct OrderRecord: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// The stream's capture file had `end` bytes.
        case output(LogStream, end: Int64)
        /// Idle: an unfinished line should be shown.
        case idle
    }

    static let size = 32

    var at: Timestamp
    var kind: Kind

    init(at: Timestamp, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }

    var encoded: [UInt8] {
        let (letter, offset): (Character, Int64) =
            switch kind {
            case .output(let stream, let end): (Self.letter(of: stream), end)
            case .idle: ("Q", 0)
            }
        return Array("\(Self.digits(at.milliseconds, 13)) \(letter) \(Self.digits(offset, 15))\n".utf8)
    }

    /// Parses the last 32 bytes of `line`, including its line feed; nil if invalid.
    ///
    /// A truncated record has no line feed, so it precedes the next one on the same line.
    init?(line: some BidirectionalCollection<UInt8>) {
        let bytes = Array(line.suffix(Self.size))
        let space = UInt8(ascii: " ")
        guard bytes.count == Self.size, bytes[31] == UInt8(ascii: "\n"), bytes[13] == space, bytes[15] == space,
            let at = Self.number(bytes[0..<13]), let offset = Self.number(bytes[16..<31])
        else { return nil }
        switch bytes[14] {
        case UInt8(ascii: "O"): kind = .output(.stdout, end: offset)
        case UInt8(ascii: "E"): kind = .output(.stderr, end: offset)
        case UInt8(ascii: "S"): kind = .output(.system, end: offset)
        case UInt8(ascii: "Q"): kind = .idle
        default: return nil
        }
        self.at = Timestamp(milliseconds: at)
    }

    private static func letter(of stream: LogStream) -> Character {
        switch stream {
        case .stdout: "O"
        case .stderr: "E"
        case .system: "S"
        }
    }

    private static func digits(_ value: Int64, _ width: Int) -> String {
        let digits = String(max(0, value))
        return digits.count > width
            ? String(repeating: "9", count: width) : String(repeating: "0", count: width - digits.count) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }
}

/// Parses records from bytes that arrive in pieces, and skips invalid input.
struct OrderParser: Sendable {
    private var rest: [UInt8] = []

    mutating func take(_ bytes: some Sequence<UInt8>) -> [OrderRecord] {
        rest += bytes
        var records: [OrderRecord] = []
        var start = 0
        while let feed = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let record = OrderRecord(line: rest[start...feed]) { records.append(record) }
            start = feed + 1
        }
        rest.removeFirst(start)
        // Of invalid input, keep only what could still be part of a record.
        if rest.count >= OrderRecord.size { rest.removeFirst(rest.count - OrderRecord.size + 1) }
        return records
    }
}
