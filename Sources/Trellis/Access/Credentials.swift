internal import Crypto
internal import Domain
internal import Foundation

/// Secrets that are handed out: random, shown once, stored as a hash.
///
/// 256 random bits need no slow hash: they can't be guessed.
struct Credentials: Sendable {
    var ambient: SystemDependencies

    /// A new secret: 43 characters of base64url after a prefix that says what it is (so secret scanners detect leaks).
    func make(_ kind: Kind) -> String {
        kind.rawValue + Data(ambient.randomBytes(32)).base64URL
    }

    enum Kind: String {
        case apiToken = "vnt_"
        case tendrilToken = "vnw_"
        case signInLink = "vnl_"
        case session = "vns_"
        case invitation = "vni_"
        case loginCode = "vnc_"
    }

    /// What is stored of a secret.
    static func hash(_ secret: String) -> Data { Data(SHA256.hash(data: Data(secret.utf8))) }

    /// Constant-time comparison.
    static func isSame(_ left: Data, _ right: Data) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// A session's CSRF token: derived, so that it needs no storage, and useless without the cookie.
    static func csrfToken(forSession secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data("csrf".utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return Data(code).base64URL
    }
}

extension Data {
    /// base64url without padding (RFC 4648, section 5).
    var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// nil for a text that is not base64url.
    init?(base64URL text: String) {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4))
    }
}
