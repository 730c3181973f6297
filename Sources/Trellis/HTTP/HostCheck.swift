internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// Refuses requests for other host names, so that a foreign page can't reach the server under its own name (DNS
/// rebinding).
struct HostCheck: RouterMiddleware {
    var origins: AllowedOrigins

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        // Probes use an address, and their responses say nothing.
        if request.uri.path == "/healthz" || request.uri.path == "/readyz" { return try await next(request, context) }
        // Clouds read the issuer's documents under the issuer's name, which need not be the pages'. They are public.
        if IssuerRoutes.paths.contains(request.uri.path) { return try await next(request, context) }
        guard let host = request.head.authority, origins.allows(host: host) else {
            throw HTTPError(.misdirectedRequest, message: "Unknown host name.")
        }
        return try await next(request, context)
    }
}

/// The names under which the server is reached, with the scheme that browsers use for each.
public struct AllowedOrigins: Sendable {
    private var hosts: Set<String> = []
    private var origins: Set<String> = []

    /// - Parameters:
    ///   - host: the address that the server listens on.
    ///   - publicURL: the URL of a proxy in front of the server; nil without one.
    public init(host: String, port: Int, isTLS: Bool, publicURL: String?) {
        let scheme = isTLS ? "https" : "http"
        var names = ["127.0.0.1", "localhost", "[::1]"]
        if host != "0.0.0.0", host != "::" { names.append(host.contains(":") ? "[\(host)]" : host) }
        for name in names {
            allow("\(name):\(port)", scheme)
            if port == (isTLS ? 443 : 80) { allow(name, scheme) }
        }
        if let publicURL, let end = publicURL.range(of: "://") {
            allow(
                String(publicURL[end.upperBound...].prefix { $0 != "/" }),
                publicURL[..<end.lowerBound].lowercased())
        }
    }

    private mutating func allow(_ host: String, _ scheme: String) {
        hosts.insert(host.lowercased())
        origins.insert("\(scheme)://\(host.lowercased())")
    }

    func allows(host: String) -> Bool { hosts.contains(host.lowercased()) }

    /// Whether a request with this `Origin` header comes from our own pages. A page that was loaded without TLS is not
    /// one of them if the server is reached over TLS.
    func allows(origin: String) -> Bool { origins.contains(origin.lowercased()) }
}

/// Gives every route one spelling: the router would also take doubled and trailing slashes, and what is decided by the
/// path, such as how many streams may be open, would be decided by another one.
struct CanonicalPaths: RouterMiddleware {
    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        guard path != Self.canonical(path) else { return try await next(request, context) }
        guard request.method == .get || request.method == .head else { throw HTTPError(.notFound) }
        let query = request.uri.query.map { "?\($0)" } ?? ""
        return Response(status: .permanentRedirect, headers: [.location: Self.canonical(path) + query])
    }

    /// `path` with single slashes, and none at its end.
    static func canonical(_ path: String) -> String {
        "/" + path.split(separator: "/").joined(separator: "/")
    }
}
