internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// Answers only to the names that this server goes by, so that a page of somebody else's can't reach it under a name
/// of its own (DNS rebinding).
struct HostCheck: RouterMiddleware {
    var origins: AllowedOrigins

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        // Probes come by address, and learn nothing.
        if request.uri.path == "/healthz" || request.uri.path == "/readyz" { return try await next(request, context) }
        guard let host = request.head.authority, origins.allows(host: host) else {
            throw HTTPError(.misdirectedRequest, message: "This server does not answer to that host name.")
        }
        return try await next(request, context)
    }
}

/// The names under which the server is reached.
public struct AllowedOrigins: Sendable {
    private var hosts: Set<String>
    /// `http` or `https`, as browsers see it.
    private var scheme: String

    /// - Parameters:
    ///   - host: what the server listens on.
    ///   - publicURL: how a proxy in front of it is reached; nil without one.
    public init(host: String, port: Int, isTLS: Bool, publicURL: String?) {
        scheme = isTLS ? "https" : "http"
        hosts = []
        var names = ["127.0.0.1", "localhost", "[::1]"]
        if host != "0.0.0.0", host != "::" { names.append(host.contains(":") ? "[\(host)]" : host) }
        for name in names {
            hosts.insert("\(name):\(port)".lowercased())
            if port == (isTLS ? 443 : 80) { hosts.insert(name.lowercased()) }
        }
        if let publicURL, let end = publicURL.range(of: "://") {
            scheme = String(publicURL[..<end.lowerBound])
            hosts.insert(publicURL[end.upperBound...].prefix { $0 != "/" }.lowercased())
        }
    }

    func allows(host: String) -> Bool { hosts.contains(host.lowercased()) }

    /// Whether a request with this `Origin` header comes from our own pages.
    func allows(origin: String) -> Bool {
        guard origin.hasPrefix(scheme + "://") || origin.hasPrefix("http://") else { return false }
        guard let end = origin.range(of: "://") else { return false }
        return allows(host: String(origin[end.upperBound...]))
    }
}
