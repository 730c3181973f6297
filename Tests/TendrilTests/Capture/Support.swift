import Domain
import Foundation
import SystemCalls
import Testing

@testable import Tendril

/// Random numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        // SplitMix64
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A folder that goes with its last use.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/vintner-" + UUID().uuidString
        try Posix.makeFolder(path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A job's folder, made.
    func job(_ name: String = "job") throws -> JobFolder {
        let folder = JobFolder(path: "\(path)/\(name)")
        try folder.create()
        return folder
    }

    func write(_ text: String, to name: String) throws -> String {
        try SmallFile.write(Array(text.utf8), to: "\(path)/\(name)", durably: false)
        return "\(path)/\(name)"
    }
}

struct Late: Error, CustomStringConvertible {
    var description: String
}

/// Waits for a condition that something else brings about; fails after a generous while.
func eventually<Value: Sendable>(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while ContinuousClock.now < deadline {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(2))
    }
    // The machine may have been too busy to look in time.
    if let value = try await condition() { return value }
    throw Late(description: "\(what): not within \(limit)")
}

func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let _: Bool = try await eventually(what, within: limit) { try await condition() ? true : nil }
}

/// Something that was captured: the order, with the bytes that belong to it.
struct Captured: Sendable {
    enum Event: Sendable {
        case output(LogStream, [UInt8], at: Int64)
        case idle(at: Int64)
    }

    var events: [Event] = []

    mutating func append(_ stream: LogStream, _ text: String, at: Int64 = 0) {
        events.append(.output(stream, Array(text.utf8), at: at))
    }

    /// What Terraform printed in a recorded run, read by read.
    static func recorded(_ name: String) throws -> Captured {
        struct Read: Decodable { var t: Double; var s: String; var d: String }
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let path = folder.appendingPathComponent("Fixtures/\(name)")
        var captured = Captured()
        for line in try String(contentsOf: path, encoding: .utf8).split(separator: "\n") {
            let read = try JSONDecoder().decode(Read.self, from: Data(line.utf8))
            captured.append(read.s == "out" ? .stdout : .stderr, read.d, at: Int64(read.t * 1000))
        }
        return captured
    }

    func bytes(of stream: LogStream) -> [UInt8] {
        events.flatMap { event -> [UInt8] in
            if case .output(stream, let bytes, _) = event { bytes } else { [] }
        }
    }

    /// Runs the pipeline, cutting each event's bytes into pieces of what `piece` says.
    func chunks(masker: Masker = Masker(patterns: []), piece: () -> Int = { .max }, take: () -> Bool = { false })
        -> [UnnumberedChunk]
    {
        var pipeline = LinePipeline(masker: masker)
        var chunks: [UnnumberedChunk] = []
        for event in events {
            switch event {
            case .idle(let at): pipeline.idle(at: Timestamp(milliseconds: at))
            case .output(let stream, let bytes, let at):
                var rest = bytes[...]
                while !rest.isEmpty {
                    let next = rest.prefix(max(1, piece()))
                    next.withUnsafeBufferPointer {
                        pipeline.take($0, of: stream, at: Timestamp(milliseconds: at))
                    }
                    rest = rest.dropFirst(next.count)
                    if take() { chunks += pipeline.takeChunks() }
                }
            }
        }
        pipeline.finish()
        return chunks + pipeline.takeChunks()
    }

    /// Writes it into a job's folder as the supervisor would.
    func write(to folder: JobFolder) throws {
        let order = try OpenFile(folder.order, .append)
        for event in events {
            switch event {
            case .idle(let at): try order.append(OrderRecord(at: Timestamp(milliseconds: at), .idle).encoded)
            case .output(let stream, let bytes, let at):
                let file = try OpenFile(folder.capture(of: stream), .append)
                try file.append(bytes)
                try order.append(
                    OrderRecord(at: Timestamp(milliseconds: at), .output(stream, end: try file.size())).encoded)
            }
        }
    }
}

extension [UnnumberedChunk] {
    func text(of stream: LogStream) -> String { filter { $0.stream == stream }.map(\.text).joined() }

    /// Every line as it is numbered in the end, with its stream, its time, and whether it goes on.
    var lines: [Line] {
        flatMap { chunk in
            ChunkText.lines(of: chunk.text).enumerated().map { index, text in
                Line(
                    stream: chunk.stream, text: String(text), at: chunk.times.time(ofLine: index)?.milliseconds ?? -1,
                    continued: index == 0 && chunk.continued)
            }
        }
    }
}

struct Line: Hashable {
    var stream: LogStream
    var text: String
    var at: Int64 = 0
    var continued = false
}
