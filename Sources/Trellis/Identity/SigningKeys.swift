internal import Crypto
internal import CryptoExtras
internal import Domain
internal import Foundation
internal import Logging
internal import Storage

/// The keys that sign the tokens of jobs (RS256), stored encrypted with the installation's key.
struct SigningKeys: Sendable {
    var store: any Store
    var ambient: SystemDependencies
    var schedule = SigningKeySchedule()

    /// All keys that are published, the oldest first. The first call of an installation makes one.
    func published() async throws -> [SigningKey] {
        let keys = try await store.signingKeys()
        guard keys.isEmpty else { return keys }
        try await maintain()
        return try await store.signingKeys()
    }

    /// The key that signs now.
    func current() async throws -> SigningKey {
        let keys = try await published()
        guard let place = schedule.current(of: keys.map(\.place), at: ambient.now()),
            let key = keys.first(where: { $0.place == place })
        else {
            // The clock was set back: what was made first is what everybody knows.
            if let first = keys.first { return first }
            throw StorageError(.failed, "There is no key to sign tokens with.")
        }
        return key
    }

    /// Makes the next key when it is time to publish it, and removes those whose last token has expired.
    func maintain() async throws {
        let keys = try await store.signingKeys()
        let (places, now) = (keys.map(\.place), ambient.now())
        if let usedFrom = schedule.next(after: places, at: now) {
            let key = try Self.make(createdAt: now, usedFrom: usedFrom)
            let event = AuditContext.system.event(
                .createSigningKey, on: AuditResource("signing_key", key.place.id),
                changes: ["used_from": .string(usedFrom.description)], ambient)
            _ = try await store.recording(event).addSigningKey(key, after: keys.last?.place.id)
        }
        let expired = schedule.expired(of: places, at: now)
        if !expired.isEmpty { try await store.deleteSigningKeys(Set(expired.map(\.id))) }
    }

    func periodic(on nodes: any ExclusiveDuty, logger: Logger) -> Periodic {
        Periodic(name: "signing keys", interval: .seconds(600), exclusive: nodes, logger: logger) { _ in
            try await maintain()
        }
    }

    /// A key of 2048 bits, which every cloud accepts.
    static func make(createdAt: Timestamp, usedFrom: Timestamp) throws -> SigningKey {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let parts = try key.publicKey.getKeyPrimitives()
        let (modulus, exponent) = (parts.modulus.base64URL, parts.publicExponent.base64URL)
        // RFC 7638: the required members, in order, without spaces.
        let thumbprint = #"{"e":"\#(exponent)","kty":"RSA","n":"\#(modulus)"}"#
        let id = Data(SHA256.hash(data: Data(thumbprint.utf8))).base64URL
        let jwk: JSONValue = [
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": .string(id), "n": .string(modulus),
            "e": .string(exponent),
        ]
        return SigningKey(
            place: SigningKeySchedule.Key(id: id, createdAt: createdAt, usedFrom: usedFrom),
            privateKey: key.derRepresentation, publicKey: jwk.text)
    }
}

extension SigningKey {
    /// A signed token (RFC 7519) with these claims.
    func token(_ claims: JSONValue) throws -> String {
        let header: JSONValue = ["alg": "RS256", "kid": .string(place.id), "typ": "JWT"]
        let signed = Data(header.bytes).base64URL + "." + Data(claims.bytes).base64URL
        let key = try _RSA.Signing.PrivateKey(derRepresentation: privateKey)
        let signature = try key.signature(
            for: SHA256.hash(data: Data(signed.utf8)), padding: .insecurePKCS1v1_5)
        return signed + "." + signature.rawRepresentation.base64URL
    }
}
