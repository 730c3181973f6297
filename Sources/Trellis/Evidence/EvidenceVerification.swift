internal import Crypto
public import Domain
public import Foundation
internal import Storage

/// Checks an evidence file without a server. Needs the public key, which should come by another way than the file.
///
/// Reads the file once, part by part. See docs/evidence.md.
public struct EvidenceVerification {
    /// What does not match, for people; empty if everything does.
    public private(set) var problems: [String] = []
    /// What the file says; nil if it can't be read.
    public private(set) var manifest: JSONValue?

    /// Problems to name.
    private static let maximumProblems = 50
    /// A part of Vintner has about 4 MiB; a manifest names up to 100,000 of them.
    private static let maximumPart = 64 << 20
    private static let maximumParts = 100_000

    private var parts: [String: (bytes: Int, sha256: String)] = [:]
    private var digests = EvidenceDigests()
    private var manifestBytes: Data?
    private var signature: Data?

    /// - Parameter read: the next bytes of the file, fewer only at its end.
    public init(key: EvidenceKey, read: (Int) throws -> Data) rethrows {
        try readArchive(read)
        checkSignature(key)
        checkManifest()
    }

    private mutating func report(_ problem: String) {
        if problems.count < Self.maximumProblems { problems.append(problem) }
    }

    // MARK: - The archive

    private mutating func readArchive(_ read: (Int) throws -> Data) rethrows {
        var last = "the beginning"
        while true {
            let block = try read(TarHeader.size)
            if block.allSatisfy({ $0 == 0 }), block.count == TarHeader.size {
                let rest = try read(TarHeader.size + 1)
                if rest != Data(count: TarHeader.size) { report("The archive does not end where it should.") }
                return
            }
            guard let header = TarHeader(block) else {
                return report("The archive is damaged after \(last): a header was changed, or the file is cut.")
            }
            let name = header.name
            last = name
            guard header.count <= Self.maximumPart, parts.count < Self.maximumParts else {
                return report("\(name) is larger than Vintner makes it.")
            }
            let data = try read(header.count)
            guard data.count == header.count else { return report("The file is cut within \(name).") }
            if try read(header.padding) != Data(count: header.padding) {
                report("The archive is damaged after \(name).")
            }
            take(name, data)
        }
    }

    private mutating func take(_ name: String, _ data: Data) {
        switch name {
        case EvidenceArchive.manifest: manifestBytes = data
        case EvidenceArchive.signature: signature = data
        default:
            if parts.updateValue((data.count, SHA256.hash(data: data).hexadecimal), forKey: name) != nil {
                report("\(name) is there twice.")
            }
            for line in data.split(separator: UInt8(ascii: "\n")) {
                if name.hasPrefix("log/") { takeLog(line, name) } else { takeEvent(line, name) }
            }
        }
    }

    private mutating func takeLog(_ line: Data, _ name: String) {
        guard let row = try? JSONValue(parsing: line, maxDepth: JSONDepth.trusted),
            let text = row["log_chunk"]?.stringValue, let epoch = row["epoch"]?.integerValue,
            let stream = row["stream_type"]?.stringValue
        else { return report("\(name) has a line that is not part of a log.") }
        digests.add(text, epoch: epoch, stream: stream)
    }

    /// Each event has the hash that its place in the chain has.
    private mutating func takeEvent(_ line: Data, _ name: String) {
        guard let row = try? JSONValue(parsing: line, maxDepth: JSONDepth.trusted),
            let number = row["number"]?.integerValue, let previous = row["prev_hash"]?.stringValue
        else { return report("\(name) has a line that is not a sealed event.") }
        var chain = AuditChain(after: AuditEnd(number: number - 1, hash: previous))
        do { try chain.check(line: line) } catch { report("\(name): \(error)") }
    }

    // MARK: - The manifest

    private mutating func checkSignature(_ key: EvidenceKey) {
        guard let manifestBytes else { return report("There is no \(EvidenceArchive.manifest).") }
        guard let signature, signature.last == UInt8(ascii: "\n"),
            let bytes = Data(base64Encoded: signature.dropLast()), bytes.base64EncodedData() == signature.dropLast()
        else { return report("There is no readable \(EvidenceArchive.signature).") }
        manifest = try? JSONValue(parsing: manifestBytes, maxDepth: JSONDepth.trusted)
        guard !key.verifies(bytes, of: manifestBytes) else { return }
        let signedBy = manifest?["key_id"]?.stringValue ?? "unknown"
        report(
            signedBy == key.id
                ? "\(EvidenceArchive.manifest) does not match its signature: one of them was changed."
                : "\(EvidenceArchive.manifest) was signed with another key, or changed: it names key "
                    + "\(signedBy.shortened(toBytes: 40)), and this is \(key.id).")
    }

    private mutating func checkManifest() {
        guard let manifest else { return }
        guard manifest["format"]?.stringValue == EvidenceArchive.format, case .array(let listed)? = manifest["parts"]
        else { return report("\(EvidenceArchive.manifest) has an unknown format.") }
        var missing = Set(parts.keys)
        for part in listed {
            guard let name = part["name"]?.stringValue else { continue }
            missing.remove(name)
            guard let found = parts[name] else {
                report("\(name) is missing.")
                continue
            }
            if found.sha256 != part["sha256"]?.stringValue || part["bytes"]?.integerValue != Int64(found.bytes) {
                report("\(name) does not match its digest: it was changed.")
            }
        }
        for name in missing.sorted() { report("\(name) is not in the manifest: it was added.") }
        if digests.list != manifest["log"]?["digests"] { report("The log does not match the digests of its streams.") }
    }
}
