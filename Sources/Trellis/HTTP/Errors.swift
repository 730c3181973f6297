internal import Domain
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// An error as the client sees it. It never contains types, paths, SQL or secrets.
struct ErrorReport {
    var status: HTTPResponse.Status
    var message: String
    /// Only for errors that are our own fault.
    var isOurs: Bool = false
    /// The methods that the path has, for 405.
    var allow: String?
    /// The missing right, where something that exists is answered as not found.
    var hidden: Permission?

    init(_ error: any Error) {
        switch error {
        case let refusal as Refusal:
            status = refusal.kind.status
            message = refusal.reason
            hidden = refusal.hidden
        case let error as WireError:
            status = .badRequest
            message = error.description
        case let error as HTTPError:
            status = error.status
            message = error.body ?? Self.sentence(for: error.status)
            allow = error.headers[.allow]
        case let error as StorageError where [.unavailable, .full, .closed].contains(error.kind):
            status = .serviceUnavailable
            message = "The database is temporarily unavailable. Try again."
            isOurs = true
        default:
            status = .internalServerError
            message = "Internal error. See the server's log."
            isOurs = true
        }
    }

    static func sentence(for status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "Page not found."
        case .methodNotAllowed: "Method not allowed."
        default: "\(status.reasonPhrase)."
        }
    }
}

extension Refusal.Kind {
    /// The HTTP status of the kind, as the API promises.
    var status: HTTPResponse.Status {
        switch self {
        case .invalid: .badRequest
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .conflict: .conflict
        case .leaseLost: .gone
        case .outdated: .preconditionFailed
        case .tooLarge: .contentTooLarge
        case .locked: .init(code: 423, reasonPhrase: "Locked")
        case .tooMany: .tooManyRequests
        }
    }
}

/// Turns errors into `{"error": …}`, or into a page for people.
struct ErrorMiddleware: RouterMiddleware {
    /// Draws the page, or leaves the error (nil) to the middleware outside; without it the answer is JSON.
    var page: (@Sendable (ErrorReport, Request, TrellisContext) -> Response?)?

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let report = ErrorReport(error)
            if let hidden = report.hidden { context.hidden.value = hidden }
            let answer = page?(report, request, context)
            if page != nil, answer == nil { throw error }
            if report.isOurs {
                // The path only: a query may hold what must not be logged.
                context.logger.error(
                    "request failed",
                    metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            }
            var response: Response
            if let answer {
                response = answer
            } else {
                response = .json(try WireJSON.encode(ErrorResponse(error: report.message)), status: report.status)
            }
            response.headers[AuditTrail.requestID] = context.id
            if let allow = report.allow { response.headers[.allow] = allow }
            return response
        }
    }
}

extension StorageError {
    /// The value of `read`. Corrupt data is a conflict and not a server error, because a Tendril would retry a server
    /// error forever.
    static func refusingCorruptData<Value>(_ what: String, _ read: () async throws -> Value) async throws -> Value {
        do {
            return try await read()
        } catch let error as StorageError where error.kind == .corrupt {
            throw Refusal(.conflict, "\(what) was altered in the database and can't be used.")
        }
    }
}
