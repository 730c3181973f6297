import Domain
import SystemCalls

/// Reads a capture in the order of its `order` file, as both grow, and feeds a pipeline.
///
/// Bounded: it never holds more than one step, however big the capture is.
struct CaptureReader {
    private let folder: JobFolder
    private var files: [LogStream: OpenFile] = [:]
    private var order: OpenFile?
    private var orderOffset: Int64 = 0
    private var parser = OrderParser()
    /// Records that were read but not processed.
    private var records: ArraySlice<OrderRecord> = []
    private var offsets: [LogStream: Int64] = [:]
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    /// Recorded bytes that are missing after a machine crash.
    private(set) var lost: Int64 = 0
    /// Distinguishes SYSTEM lines from forged ones; nil if the file is plain text.
    private(set) var system: SystemLineParser?
    /// Dropped parts, which are skipped.
    var gaps: CaptureGaps

    /// - Parameter seal: the seal of Vintner's own lines.
    init(_ folder: JobFolder, gaps: CaptureGaps = CaptureGaps(), seal: SystemSeal? = nil) {
        self.folder = folder
        self.gaps = gaps
        system = seal.map { SystemLineParser($0) }
    }

    /// The read position of the stream.
    func offset(of stream: LogStream) -> Int64 { offsets[stream] ?? 0 }

    /// Feeds `pipeline` with up to about `budget` bytes.
    ///
    /// - Returns: false if there is nothing new.
    mutating func step(into pipeline: inout LinePipeline, budget: Int = 1 << 20) throws -> Bool {
        var left = budget
        while left > 0 {
            if records.isEmpty, try !readRecords() { break }
            guard let record = records.first else { continue }
            switch record.kind {
            case .idle:
                pipeline.idle(at: record.at)
                left -= OrderRecord.size
                records.removeFirst()
            case .output(let stream, let end):
                left -= OrderRecord.size
                if try follow(stream, to: end, at: record.at, into: &pipeline, left: &left) { records.removeFirst() }
            }
        }
        return left < budget
    }

    /// - Returns: whether all up to `end` was read.
    private mutating func follow(
        _ stream: LogStream, to end: Int64, at moment: Timestamp, into pipeline: inout LinePipeline, left: inout Int
    ) throws -> Bool {
        while left > 0 {
            let offset = offsets[stream] ?? 0
            guard offset < end else { return true }
            let gap = gaps.next(in: stream, from: offset)
            if let gap, gap.lowerBound <= offset {
                pipeline.skip(gap, of: stream, at: moment)
                offsets[stream] = gap.upperBound
                continue
            }
            let wanted = min(Int(min(end, gap?.lowerBound ?? end) - offset), buffer.count, left)
            let file = try open(stream)
            let count = try buffer.withUnsafeMutableBytes { bytes in
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]), at: offset)
            }
            guard count > 0 else {
                // Sealed lines are numbered, so a missing one is noticed; any program may have written this record.
                if stream == .system, system != nil { return true }
                // A record is written after its bytes, so these bytes existed. Later records have absolute offsets.
                lost += end - offset
                offsets[stream] = end
                return true
            }
            if stream == .system, system != nil {
                for line in system?.take(buffer[..<count]) ?? [] {
                    Array("\(line.text)\n".utf8).withUnsafeBufferPointer {
                        pipeline.take($0, of: .system, at: line.at)
                    }
                }
            } else {
                buffer.withUnsafeBufferPointer {
                    pipeline.take(UnsafeBufferPointer(rebasing: $0[..<count]), of: stream, at: moment)
                }
            }
            offsets[stream] = offset + Int64(count)
            left -= count
        }
        return (offsets[stream] ?? 0) >= end
    }

    private mutating func readRecords() throws -> Bool {
        let order = try self.order ?? OpenFile(folder.order, .read)
        self.order = order
        let count = try buffer.withUnsafeMutableBytes { try order.read(into: $0, at: orderOffset) }
        guard count > 0 else { return false }
        orderOffset += Int64(count)
        records = parser.take(buffer[..<count])[...]
        return true
    }

    private mutating func open(_ stream: LogStream) throws -> OpenFile {
        if let file = files[stream] { return file }
        let file = try OpenFile(folder.capture(of: stream), .read)
        files[stream] = file
        return file
    }
}
