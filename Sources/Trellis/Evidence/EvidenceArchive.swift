internal import Crypto
internal import Domain
internal import Foundation

/// The archive of an evidence file while it is written: parts, then the manifest that names them, then its signature.
///
/// One part is in memory at a time. See docs/evidence.md.
struct EvidenceArchive {
    /// Bytes at which a part is ended.
    static let partBytes = 4 << 20
    static let format = "vintner-evidence/1"
    static let manifest = "manifest.json"
    static let signature = "manifest.sig"

    private let output: (Data) async throws -> Void
    private var parts: [JSONValue] = []

    /// - Parameter output: takes the archive's bytes, in order.
    init(_ output: @escaping (Data) async throws -> Void) { self.output = output }

    /// Lines of one kind, in as many parts as they need.
    struct Lines {
        let folder: String
        fileprivate var data = Data()
        fileprivate var count = 0

        init(_ folder: String) { self.folder = folder }
    }

    mutating func add(_ line: some Sequence<UInt8>, to lines: inout Lines) async throws {
        lines.data.append(contentsOf: line)
        if lines.data.count >= Self.partBytes { try await end(&lines) }
    }

    /// Writes what is left of the lines; at least one part.
    mutating func finish(_ lines: inout Lines) async throws {
        if !lines.data.isEmpty || lines.count == 0 { try await end(&lines) }
    }

    private mutating func end(_ lines: inout Lines) async throws {
        lines.count += 1
        let number = String(lines.count)
        let digits = String(repeating: "0", count: max(0, 6 - number.count)) + number
        try await add(part: "\(lines.folder)/\(digits).ndjson", lines.data)
        lines.data.removeAll(keepingCapacity: true)
    }

    private mutating func add(part name: String, _ data: Data) async throws {
        parts.append([
            "name": .string(name), "bytes": .integer(Int64(data.count)),
            "sha256": .string(SHA256.hash(data: data).hexadecimal),
        ])
        try await write(name, data)
    }

    private func write(_ name: String, _ data: Data) async throws {
        let header = TarHeader(name: name, count: data.count)
        try await output(header.bytes)
        if !data.isEmpty { try await output(data + Data(count: header.padding)) }
    }

    /// Writes the manifest with `facts`, its signature, and the end of the archive.
    func close(_ facts: [String: JSONValue], key: EvidenceSigningKey) async throws {
        var manifest = facts
        manifest["format"] = .string(Self.format)
        manifest["key_id"] = .string(key.publicKey.id)
        manifest["parts"] = .array(parts)
        let bytes = Data((JSONValue.object(manifest).prettyText + "\n").utf8)
        try await write(Self.manifest, bytes)
        let signature = try key.signature(of: bytes).base64EncodedString()
        try await write(Self.signature, Data((signature + "\n").utf8))
        try await output(Data(count: 2 * TarHeader.size))
    }
}

/// Digests of a log's text, by epoch and stream, while its chunks pass by.
struct EvidenceDigests {
    private struct Key: Hashable {
        var epoch: Int64
        var stream: String
    }

    private var hashes: [Key: (bytes: Int64, hash: SHA256)] = [:]

    mutating func add(_ text: String, epoch: Int64, stream: String) {
        let key = Key(epoch: epoch, stream: stream)
        var (bytes, hash) = hashes[key] ?? (0, SHA256())
        hash.update(data: Data(text.utf8))
        bytes += Int64(text.utf8.count)
        hashes[key] = (bytes, hash)
    }

    /// In order, so that equal logs have equal ones.
    var list: JSONValue {
        let sorted = hashes.sorted { ($0.key.epoch, $0.key.stream) < ($1.key.epoch, $1.key.stream) }
        return .array(
            sorted.map { key, value in
                [
                    "epoch": .integer(key.epoch), "stream": .string(key.stream), "bytes": .integer(value.bytes),
                    "sha256": .string(value.hash.finalize().hexadecimal),
                ]
            })
    }
}
