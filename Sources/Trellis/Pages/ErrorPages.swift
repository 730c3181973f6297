internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// Errors as pages, for browsers. Programs get JSON.
struct ErrorPages: Sendable {
    var renderer: PageRenderer

    /// The page for an error; nil if the client did not ask for a page.
    func page(_ report: ErrorReport, _ request: Request, _ context: TrellisContext) -> Response? {
        guard Self.wantsPage(request) else { return nil }
        if report.status == .unauthorized {
            // Keep the query, so that filters survive.
            let path = request.uri.path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? ""
            let query = request.uri.query.flatMap {
                "?\($0)".addingPercentEncoding(withAllowedCharacters: .alphanumerics)
            }
            return .redirect(to: "/sign-in?next=\(path)\(query ?? "")", type: .found)
        }
        return page(report, context, heading: ErrorReport.sentence(for: report.status))
    }

    /// - Parameter candidates: the IDs of the jobs that match, shown as links.
    func page(
        _ report: ErrorReport, _ context: TrellisContext, heading: String, candidates: [String] = []
    ) -> Response {
        var model: [String: Any] = [
            "title": report.status.reasonPhrase, "heading": heading,
            "status": String(report.status.code), "message": report.message, "csrf": "",
            "version": VintnerVersion.current, "ambiguous": !candidates.isEmpty,
            "candidates": candidates.map { ["id": $0] },
        ]
        if report.message == heading { model["message"] = nil }
        if case .user(let user) = context.principal {
            model["user"] = user.name
            model["csrf"] = user.csrfToken ?? ""
        }
        return renderer.page("error", model, status: report.status)
    }

    /// Pages are under `/dashboard`; elsewhere the Accept header decides. The API and the assets never respond with a
    /// page.
    private static func wantsPage(_ request: Request) -> Bool {
        guard request.method == .get || request.method == .head else { return false }
        let first = request.uri.path.split(separator: "/").first ?? ""
        if first == "dashboard" { return true }
        return !["api", "assets", "realtime", "socket", "healthz", "readyz", "metrics"].contains(first)
            && request.headers[.accept]?.contains("text/html") == true
    }
}
