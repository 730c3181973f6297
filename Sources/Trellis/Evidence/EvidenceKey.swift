internal import Crypto
internal import Domain
internal import Foundation
internal import Storage

/// The key that signs evidence. It comes from the installation's secret key, so it is stored nowhere.
struct EvidenceSigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    init(_ vault: Vault) throws {
        key = try Curve25519.Signing.PrivateKey(
            rawRepresentation: vault.fingerprint(of: Data("vintner-evidence".utf8), for: "evidence-signing-key"))
    }

    var publicKey: EvidenceKey { EvidenceKey(key.publicKey) }

    func signature(of data: Data) throws -> Data { try key.signature(for: data) }
}

/// The public half: an Ed25519 key in the form of RFC 8410.
public struct EvidenceKey: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// What comes before the 32 bytes of the key in DER.
    private static let prefix = Data([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00])

    init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

    /// Reads ``pem``; nil for anything else.
    public init?(pem: String) {
        let lines = pem.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        guard lines.first == "-----BEGIN PUBLIC KEY-----", lines.last == "-----END PUBLIC KEY-----",
            let der = Data(base64Encoded: lines.dropFirst().dropLast().joined()), der.starts(with: Self.prefix),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: der.dropFirst(Self.prefix.count))
        else { return nil }
        self.key = key
    }

    private var der: Data { Self.prefix + key.rawRepresentation }

    public var pem: String {
        "-----BEGIN PUBLIC KEY-----\n\(der.base64EncodedString())\n-----END PUBLIC KEY-----\n"
    }

    /// Names the key: the first 8 bytes of the SHA-256 of its DER form.
    public var id: String { SHA256.hash(data: der).prefix(8).hexadecimal }

    func verifies(_ signature: Data, of data: Data) -> Bool { key.isValidSignature(signature, for: data) }
}
