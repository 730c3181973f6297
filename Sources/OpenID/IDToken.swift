internal import Domain
internal import Foundation
internal import JWTKit

/// An ID token that was taken apart, and is not verified yet (OpenID Connect Core 1.0, section 3.1.3.7).
struct IDToken: Sendable {
    let keyID: String?
    let algorithm: String
    private let signed: Data
    private let signature: Data
    private let payload: Data

    /// - Throws: ``OpenIDError`` `.badToken` for a text that is not a JWS of ours to take.
    init(_ text: String) throws(OpenIDError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= OpenIDLimits.tokenBytes, parts.count == 3, let head = Data(base64URL: parts[0]),
            let payload = Data(base64URL: parts[1]), let signature = Data(base64URL: parts[2]),
            let header = JSONValue.untrusted([UInt8](head)), let algorithm = header["alg"]?.stringValue,
            header["crit"] == nil
        else { throw .badToken(.malformed) }
        guard ["RS256", "ES256"].contains(algorithm) else { throw .badToken(.algorithm) }
        self.algorithm = algorithm
        keyID = header["kid"]?.stringValue
        signed = Data("\(parts[0]).\(parts[1])".utf8)
        self.signature = signature
        self.payload = payload
    }

    /// The claims, if a key of `keys` signed them. - Throws: ``OpenIDError`` `.badToken`.
    func claims(verifiedBy keys: KeySet) throws(OpenIDError) -> JSONValue {
        guard let key = keys.key(keyID, algorithm: algorithm) else { throw .badToken(.unknownKey) }
        guard (try? key.verify(signature, signs: signed)) == true else { throw .badToken(.signature) }
        guard let claims = JSONValue.untrusted([UInt8](payload)), case .object = claims else {
            throw .badToken(.malformed)
        }
        return claims
    }
}

/// What the claims of an ID token must say.
struct ClaimRules: Sendable {
    var provider: OpenIDProvider
    var now: Timestamp
    /// The nonce of the sign-in; nil at a refresh, whose ID token needs none.
    var nonce: String?
    /// The person whose identity is refreshed; nil at a sign-in.
    var subject: String?

    /// - Returns: the subject. - Throws: ``OpenIDError`` `.badToken`.
    func check(_ claims: JSONValue) throws(OpenIDError) -> String {
        guard claims["iss"]?.stringValue == provider.issuer else { throw .badToken(.issuer) }
        let audience = claims["aud"]?.strings ?? []
        guard audience.contains(provider.clientID) else { throw .badToken(.audience) }
        let party = claims["azp"]?.stringValue
        guard party == nil ? audience.count == 1 : party == provider.clientID else {
            throw .badToken(.authorizedParty)
        }
        guard let expiry = Self.milliseconds(claims["exp"]), let issued = Self.milliseconds(claims["iat"]) else {
            throw .badToken(.malformed)
        }
        guard now.milliseconds < expiry + OpenIDLimits.clockSkew else { throw .badToken(.expired) }
        let start = Self.milliseconds(claims["nbf"]) ?? issued
        guard max(issued, start) <= now.milliseconds + OpenIDLimits.clockSkew else { throw .badToken(.notYetValid) }
        if let nonce { guard claims["nonce"]?.stringValue == nonce else { throw .badToken(.nonce) } }
        guard let found = claims["sub"]?.stringValue, !found.isEmpty, found.utf8.count <= 255 else {
            throw .badToken(.malformed)
        }
        if let subject { guard found == subject else { throw .badToken(.subject) } }
        return found
    }

    /// Seconds since 1970, which may have a fraction; nil for anything else, and for moments beyond the year 9999.
    private static func milliseconds(_ value: JSONValue?) -> Int64? {
        let seconds: Double
        switch value {
        case .integer(let whole): seconds = Double(whole)
        case .number(let number): seconds = number.doubleValue
        default: return nil
        }
        return seconds.isFinite && seconds >= 0 && seconds < 253_402_300_800 ? Int64(seconds * 1000) : nil
    }
}

/// What claims say about a person.
enum PersonClaims {
    /// The groups; nil if the claim is absent. - Throws: ``OpenIDError`` `.badToken` for too many.
    static func groups(_ claims: JSONValue, claim: String) throws(OpenIDError) -> [String]? {
        var found = claims[claim]
        if found == nil, claim.contains(".") {
            found = claim.split(separator: ".").reduce(Optional(claims)) { value, name in value?[String(name)] }
        }
        guard let found, found != .null else { return nil }
        let groups = Set(
            found.strings.filter { !$0.isEmpty && $0.utf8.count <= OpenIDLimits.groupBytes && PlainName.isPlain($0) })
        guard groups.count <= OpenIDLimits.groups else { throw .badToken(.groups) }
        return groups.sorted()
    }

    /// What the person may be called: plain names of at most 64 characters. An unverified address is not one.
    static func names(_ claims: JSONValue) -> [String] {
        let email = claims["email_verified"] == .bool(false) ? nil : claims["email"]?.stringValue
        return [claims["preferred_username"]?.stringValue, email, claims["name"]?.stringValue]
            .compactMap { $0?.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && $0.count <= 64 && $0.utf8.count <= 255 && PlainName.isPlain($0) }
    }
}
