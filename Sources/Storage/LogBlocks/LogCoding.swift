package import Domain
package import Foundation

/// The state of a log's text between two blocks, as it is stored: usually some ten bytes.
extension TextState {
    package var encoded: Data {
        var writer = ByteWriter()
        for name in LogStream.allCases {
            let stream = streams[name] ?? Stream()
            writer.append(stream.epoch)
            writer.append(stream.parser.style == .plain ? [] : Array(stream.parser.style.key.utf8))
            writer.append(stream.parser.rest)
            writer.append(stream.marker.box.map { 1 + Self.code($0.kind) } ?? 0)
            if let box = stream.marker.box { writer.append(box.lines) }
        }
        return Data(writer.bytes)
    }

    package init(encoded: Data) throws(StorageError) {
        self.init()
        var reader = ByteReader(encoded)
        for name in LogStream.allCases {
            let epoch = try reader.nextCount()
            let key = String(decoding: try reader.nextString(), as: UTF8.self)
            guard let style = key.isEmpty ? .plain : TextStyle(key: key) else { throw ByteReader.damaged }
            let rest = Array(try reader.nextString())
            let code = try reader.nextCount(upTo: 3)
            let box: DiagnosticMarker.Box? =
                code == 0 ? nil : DiagnosticMarker.Box(kind: Self.kind(code - 1), lines: try reader.nextCount())
            streams[name] = Stream(
                epoch: epoch, parser: LineParser(style: style, rest: rest), marker: DiagnosticMarker(box: box))
        }
    }

    private static func code(_ kind: DiagnosticMarker.Kind?) -> Int {
        switch kind {
        case nil: 0
        case .error: 1
        case .warning: 2
        }
    }

    private static func kind(_ code: Int) -> DiagnosticMarker.Kind? {
        switch code {
        case 1: .error
        case 2: .warning
        default: nil
        }
    }
}

/// Line times as they are stored: the first moment, then each run's lines and its distance to the run before, all as
/// variable-length integers. A run costs two or three bytes; a chunk printed at one moment eight.
extension LineTimes {
    package var encoded: Data {
        var writer = ByteWriter()
        var previous: Int64 = 0
        for run in runs {
            writer.append(UInt64(bitPattern: run.at.milliseconds &- previous))
            writer.append(run.lines)
            previous = run.at.milliseconds
        }
        return Data(writer.bytes)
    }

    package init(encoded: Data) throws(StorageError) {
        var reader = ByteReader(encoded)
        var runs: [Run] = []
        var at: Int64 = 0
        while !reader.isAtEnd {
            at &+= Int64(bitPattern: try reader.next())
            guard let lines = Int(exactly: try reader.next()) else { throw ByteReader.damaged }
            runs.append(Run(lines: lines, at: Timestamp(milliseconds: at)))
        }
        self.init(runs)
    }
}

/// Diagnostics of one block: the distance from the previous one, and its kind.
extension [DiagnosticLine] {
    package func encoded(from line: Int64) -> Data {
        var writer = ByteWriter()
        var last = line
        for mark in self {
            writer.append(UInt64((mark.line - last) << 1 | (mark.kind == .error ? 1 : 0)))
            last = mark.line
        }
        return Data(writer.bytes)
    }

    package init(encoded: Data, from line: Int64) throws {
        self.init()
        var reader = ByteReader(encoded)
        var last = line
        while !reader.isAtEnd {
            let value = try reader.next()
            last &+= Int64(bitPattern: value >> 1)
            append(DiagnosticLine(line: last, kind: value & 1 == 1 ? .error : .warning))
        }
    }
}
