internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Names each request in its response, and records the denied ones.
struct AuditTrail: RouterMiddleware {
    static let requestID = headerName("X-Request-ID")

    var denials: DenialLog
    var ambient: SystemDependencies
    /// Whether only a proxy reaches this server, so that its word on the sender's address counts.
    var isBehindProxy: Bool
    private static let forwardedFor = headerName("X-Forwarded-For")

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        if isBehindProxy { context.forwardedAddress = Self.forwardedAddress(in: request) }
        do {
            var response = try await next(request, context)
            if response.status == .forbidden, request.uri.path != ProviderSignIn.callbackPath {
                await record(nil, .denied, request, context)
            } else {
                await recordHidden(request, context)
            }
            response.headers[Self.requestID] = context.id
            return response
        } catch {
            let report = ErrorReport(error)
            if report.status == .forbidden {
                await record(report.message, .denied, request, context)
            } else if report.status == .unauthorized, isAttempt(request) {
                await record(report.message, .failed, request, context)
            } else {
                await recordHidden(request, context)
            }
            throw error
        }
    }

    /// The last address of `X-Forwarded-For`: the one that the proxy itself added.
    static func forwardedAddress(in request: Request) -> String? {
        guard let last = request.headers[forwardedFor]?.split(separator: ",").last else { return nil }
        let address = last.trimmingCharacters(in: .whitespaces)
        let isAddress = address.utf8.count <= 45 && address.allSatisfy { $0.isHexDigit || $0 == "." || $0 == ":" }
        return isAddress && !address.isEmpty ? address : nil
    }

    /// Whether a request without a valid credential tried one.
    private func isAttempt(_ request: Request) -> Bool {
        request.headers[.authorization] != nil || request.headers[Authentication.workerID] != nil
            || request.method == .post && Authentication.signInPaths.contains(request.uri.path)
    }

    /// What exists but must not be known of is answered as not found, and recorded as denied.
    private func recordHidden(_ request: Request, _ context: TrellisContext) async {
        guard let right = context.hidden.value else { return }
        await record(
            "Answered as not found, because the right \(right.rawValue) is missing.", .denied, request, context)
    }

    private func record(
        _ reason: String?, _ outcome: AuditEvent.Outcome, _ request: Request, _ context: TrellisContext
    ) async {
        var audit = context.audit
        audit.actor = AuditActor(context.sender.principal)
        let action = AuditedCalls.action(method: request.method.rawValue, path: context.endpointPath)
        let path = "\(request.method.rawValue) \(request.uri.path)"
        do {
            try await denials.record(
                audit.event(
                    action, on: AuditResource("request", path), outcome: outcome, reason: reason, ambient))
        } catch {
            context.logger.error("a denial was not recorded", metadata: ["error": "\(error)"])
        }
    }
}
