internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The cookie that carries a dashboard session.
///
/// Browsers share cookies between all ports of a host. The name therefore ends in the port that browsers use, so that
/// two installations on one host do not sign each other out.
struct SessionCookie: Sendable {
    let name: String
    private let isSecure: Bool

    /// - Parameter publicURL: where browsers reach the server: `http://127.0.0.1:8080`.
    init(publicURL: String) {
        isSecure = publicURL.hasPrefix("https://")
        let port = URLComponents(string: publicURL)?.port ?? (isSecure ? 443 : 80)
        name = "vintner_session_\(port)"
    }

    /// The session's secret; nil for a request without the cookie.
    func secret(in request: Request) -> String? { request.cookies[name]?.value }

    func cookie(_ secret: String, maxAge: Int) -> Cookie {
        Cookie(
            name: name, value: secret, maxAge: maxAge, path: "/", secure: isSecure, httpOnly: true, sameSite: .lax)
    }
}
