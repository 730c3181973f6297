internal import Domain
internal import Foundation
internal import JWTKit

/// The public keys of a provider that can verify an ID token: RSA for RS256, P-256 for ES256.
struct KeySet: Sendable {
    private var keys: [(id: String?, algorithm: any JWTAlgorithm)] = []

    var count: Int { keys.count }

    /// Leaves out keys of other kinds, and those for encryption.
    ///
    /// - Throws: ``OpenIDError`` `.malformed` for a document without any usable key.
    init(_ body: [UInt8]) async throws(OpenIDError) {
        guard case .array(let entries) = JSONValue.untrusted(body)?["keys"] else { throw .malformed("key set") }
        for entry in entries.prefix(OpenIDLimits.keys) {
            if let use = entry["use"]?.stringValue, use != "sig" { continue }
            guard let algorithm = await Self.algorithm(of: entry) else { continue }
            if let named = entry["alg"]?.stringValue, named != algorithm.name { continue }
            keys.append((entry["kid"]?.stringValue, algorithm))
        }
        guard !keys.isEmpty else { throw .malformed("key set") }
    }

    /// The key with this ID for this algorithm. A token may leave out the ID only if there is one key to choose.
    func key(_ id: String?, algorithm: String) -> (any JWTAlgorithm)? {
        let candidates = keys.filter { $0.algorithm.name == algorithm && (id == nil || $0.id == id) }
        return candidates.count == 1 ? candidates[0].algorithm : nil
    }

    /// The algorithm is fixed by the kind of the key, never by the token. nil for a key that can't be used.
    private static func algorithm(of entry: JSONValue) async -> (any JWTAlgorithm)? {
        let keys = JWTKeyCollection()
        switch entry["kty"]?.stringValue {
        case "RSA":
            // A modulus of up to 8192 bits; a larger one costs too much to verify with.
            guard let modulus = entry["n"]?.stringValue, modulus.utf8.count <= 1400,
                let exponent = entry["e"]?.stringValue, exponent.utf8.count <= 8,
                let key = try? Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent)
            else { return nil }
            await keys.add(rsa: key, digestAlgorithm: .sha256)
        case "EC":
            guard entry["crv"]?.stringValue == "P-256", let x = entry["x"]?.stringValue, x.utf8.count <= 64,
                let y = entry["y"]?.stringValue, y.utf8.count <= 64,
                let key = try? ES256PublicKey(parameters: (x: x, y: y))
            else { return nil }
            await keys.add(ecdsa: key)
        default: return nil
        }
        return try? await keys.getKey()
    }
}

extension Data {
    /// The bytes of base64url without padding (RFC 4648, section 5); nil for anything else.
    init?(base64URL text: some StringProtocol) {
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") })
        else { return nil }
        let standard = String(text).replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4))
    }

    var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
