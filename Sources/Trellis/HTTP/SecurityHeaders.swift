internal import HTTPTypes
internal import Hummingbird

/// Headers that every answer carries.
struct SecurityHeaders: RouterMiddleware {
    /// Only our own scripts, styles and connections; no inline code; no framing.
    static let contentSecurityPolicy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
        connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
        """

    /// Whether clients use TLS.
    var isSecure: Bool

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[Self.referrerPolicy] = "same-origin"
        response.headers[Self.openerPolicy] = "same-origin"
        if isSecure { response.headers[.strictTransportSecurity] = "max-age=31536000" }
        return response
    }

    // Constant names of RFC 9110 tokens, which are always valid.
    private static let referrerPolicy = headerName("Referrer-Policy")
    private static let openerPolicy = headerName("Cross-Origin-Opener-Policy")
}

/// A constant header name. - Precondition: it is a valid one.
func headerName(_ name: String) -> HTTPField.Name {
    guard let field = HTTPField.Name(name) else { preconditionFailure("not a header name: \(name)") }
    return field
}
