internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Storage
internal import Wire

/// The pages for people: `/dashboard/…` and `/sign-in`.
struct PageRoutes: Sendable {
    var renderer: PageRenderer
    var jobs: JobService
    var records: JobRecords
    var lines: LineWindows

    func add(to router: Router<TrellisContext>) {
        router.get("/") { _, _ in Response.redirect(to: "/dashboard/jobs", type: .found) }
        router.get("dashboard") { _, _ in Response.redirect(to: "/dashboard/jobs", type: .found) }
        router.get("sign-in") { _, _ in
            renderer.page("sign-in", ["title": "Sign in", "version": VintnerVersion.current])
        }
        let pages = router.group("dashboard").add(middleware: ErrorMiddleware(page: errorPage))
        pages.get("jobs", use: list)
        pages.get("jobs/:id", use: job)
        pages.get("vines") { _, context in try list("vines", title: "Vines", tab: "active_vines", context) }
        pages.get("tendrils") { _, context in try list("tendrils", title: "Tendrils", tab: "active_tendrils", context) }
    }

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        try list("jobs", title: "Jobs", tab: "active_jobs", context)
    }

    /// The lists fetch their rows themselves; the page is the frame.
    private func list(_ name: String, title: String, tab: String, _ context: TrellisContext) throws -> Response {
        renderer.page(name, try frame(context, title: title, tab: tab))
    }

    private func job(_ request: Request, context: TrellisContext) async throws -> Response {
        var model = try frame(context, title: "Job", tab: "active_jobs")
        let job = try await jobs.find(context.id("id", of: "job"))
        let page = JobPage(
            job: try await records.record(job), vine: .init(job), apply: try await jobs.applyCheck(job),
            log: try await lines.window(Self.logEnd, of: job))
        let data = try WireJSON.encode(page)
        model["json"] = PageRenderer.dataBlock(data)
        model.merge(page.fields) { _, field in field }
        return renderer.page("job", model)
    }

    /// As many lines as the job page asks for itself (`catch-up.js`).
    private static let logEnd = LineQuery(
        start: .tail, count: 200, streams: Set(LogStream.allCases), isStyled: true, fold: LineQuery.foldLength)

    private func frame(_ context: TrellisContext, title: String, tab: String) throws -> [String: Any] {
        _ = try context.requireUser()
        guard case .user(let user) = context.principal else { return [:] }
        return [
            "title": title, "user": user.name, "csrf": user.csrfToken ?? "", tab: true,
            "version": VintnerVersion.current,
        ]
    }

    /// For people: the sign-in page where nobody is signed in, else a page that says what is wrong.
    private func errorPage(_ report: ErrorReport, _ request: Request) -> Response {
        if report.status == .unauthorized {
            let path = request.uri.path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? ""
            return .redirect(to: "/sign-in?next=\(path)", type: .found)
        }
        return renderer.page(
            "error",
            [
                "title": report.status.reasonPhrase, "heading": ErrorReport.sentence(for: report.status),
                "status": String(report.status.code), "message": report.message, "csrf": "", "home": true,
                "version": VintnerVersion.current,
            ], status: report.status)
    }
}

/// What the job page starts with.
struct JobPage: Encodable {
    struct VineBrief: Encodable {
        var id: VineID
        var title: String
        var projectName: String
        var environmentStage: String

        init(_ job: Job) {
            let settings = job.snapshot.settings
            id = job.vine
            projectName = settings.projectName
            environmentStage = settings.environmentStage
            title = "\(settings.projectName) / \(settings.environmentStage)"
        }
    }

    var job: JobRecord
    var vine: VineBrief
    var apply: ApplyCheck
    /// The log's last lines, so that the page shows them without asking.
    var log: LineWindow
}
