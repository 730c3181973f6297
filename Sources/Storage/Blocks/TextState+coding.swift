internal import Domain
internal import Foundation

/// The state of a log's text between two blocks, as it is stored: usually some ten bytes.
extension TextState {
    var encoded: Data {
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

    init(encoded: Data) throws(StorageError) {
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
