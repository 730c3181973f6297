internal import Domain
internal import Foundation

/// Line times as they are stored: the first moment, then each run's lines and its distance to the run before, all as
/// variable-length integers. A run costs two or three bytes; a chunk printed at one moment eight.
extension LineTimes {
    var encoded: Data {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + 3 * runs.count)
        var previous: Timestamp?
        for run in runs {
            if let previous {
                bytes.appendVarint(UInt64(bitPattern: run.at.milliseconds &- previous.milliseconds))
            } else {
                bytes.appendVarint(UInt64(bitPattern: run.at.milliseconds))
            }
            bytes.appendVarint(UInt64(run.lines))
            previous = run.at
        }
        return Data(bytes)
    }

    init(encoded: Data) throws(StorageError) {
        var reader = VarintReader(bytes: encoded)
        var runs: [Run] = []
        var at: Int64 = 0
        while !reader.isAtEnd {
            at &+= Int64(bitPattern: try reader.next())
            guard let lines = Int(exactly: try reader.next()) else { throw VarintReader.damaged }
            runs.append(Run(lines: lines, at: Timestamp(milliseconds: at)))
        }
        self.init(runs)
    }
}

private struct VarintReader {
    static let damaged = StorageError(.corrupt, "The times of a log chunk can't be read.")

    private let bytes: Data
    private var index: Data.Index

    init(bytes: Data) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    var isAtEnd: Bool { index == bytes.endIndex }

    mutating func next() throws(StorageError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard index < bytes.endIndex else { throw Self.damaged }
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
        }
        throw Self.damaged
    }
}

extension [UInt8] {
    fileprivate mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
