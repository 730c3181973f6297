import Domain
import Foundation
import SystemCalls

/// Parts of a capture that were dropped at the disk limit while Trellis was unreachable. Readers skip them, and a
/// SYSTEM line marks their place.
///
/// Recorded before the bytes are deleted, so every replay skips the same parts.
struct CaptureGaps: Hashable, Sendable {
    /// The gaps of each stream, in order; none touches another.
    private(set) var ranges: [LogStream: [Range<Int64>]] = [:]

    var isEmpty: Bool { ranges.isEmpty }

    /// The number of dropped bytes.
    var bytes: Int64 { ranges.values.joined().reduce(0) { $0 + Int64($1.count) } }

    /// The gap of `stream` that ends after `offset`.
    func next(in stream: LogStream, from offset: Int64) -> Range<Int64>? {
        ranges[stream]?.first { $0.upperBound > offset }
    }

    /// Adds a gap after the others, or extends the last one.
    mutating func add(_ gap: Range<Int64>, in stream: LogStream) {
        if let last = ranges[stream]?.last, last.lowerBound == gap.lowerBound { ranges[stream]?.removeLast() }
        ranges[stream, default: []].append(gap)
    }

    /// The log line for a gap.
    static func sentence(_ gap: Range<Int64>, of stream: LogStream) -> String {
        "\(gap.count) bytes of \(stream.rawValue) are missing here: Trellis was unreachable for too long, and the "
            + "Tendril reached its disk limit. The log continues with the next whole line."
    }

    // MARK: - On disk

    private struct Entry: Codable {
        var stream: LogStream
        var from: Int64
        var to: Int64
    }

    static func load(_ folder: JobFolder) throws -> CaptureGaps {
        var gaps = CaptureGaps()
        guard let bytes = try SmallFile.read(folder.gaps) else { return gaps }
        for entry in try JSONDecoder().decode([Entry].self, from: Data(bytes)) where entry.from < entry.to {
            gaps.add(entry.from..<entry.to, in: entry.stream)
        }
        return gaps
    }

    func save(_ folder: JobFolder) throws {
        let entries = LogStream.allCases.flatMap { stream in
            (ranges[stream] ?? []).map { Entry(stream: stream, from: $0.lowerBound, to: $0.upperBound) }
        }
        try SmallFile.write([UInt8](try JSONEncoder().encode(entries)), to: folder.gaps, durably: true)
    }
}

/// Decides which unshipped part to drop. Pure.
struct CaptureLimit: Hashable, Sendable {
    /// The limit on unshipped output of the engine, in bytes, over both streams.
    var bytes: Int64 = 2 << 30

    /// Each of the two streams may have half of it.
    private var share: Int64 { bytes / 2 }

    /// The gap that brings a stream below its limit: drops the middle, keeps both ends.
    ///
    /// - Parameters:
    ///   - read: the read position; nothing before it is dropped.
    ///   - size: what the engine has written.
    ///   - pending: an earlier gap that the reader has not reached.
    /// - Returns: nil if there is room.
    func gap(read: Int64, size: Int64, pending: Range<Int64>?) -> Range<Int64>? {
        guard size - read - Int64(pending?.count ?? 0) > share else { return nil }
        let from = pending?.lowerBound ?? read + share / 4
        let to = size - share / 2
        return to > max(from, pending?.upperBound ?? 0) ? from..<to : nil
    }
}
