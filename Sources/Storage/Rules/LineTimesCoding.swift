internal import Domain
internal import Foundation

/// Line times as they are stored: the first moment, then each run's lines and its distance to the run before, all as
/// variable-length integers. A run costs two or three bytes; a chunk printed at one moment eight.
extension LineTimes {
    var encoded: Data {
        var writer = ByteWriter()
        var previous: Int64 = 0
        for run in runs {
            writer.append(UInt64(bitPattern: run.at.milliseconds &- previous))
            writer.append(run.lines)
            previous = run.at.milliseconds
        }
        return Data(writer.bytes)
    }

    init(encoded: Data) throws(StorageError) {
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
