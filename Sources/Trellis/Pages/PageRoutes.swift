internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import OpenID
internal import Storage
internal import Wire

/// The pages for people: `/dashboard/…` and `/sign-in`.
struct PageRoutes: Sendable {
    var renderer: PageRenderer
    var jobs: JobService
    var vines: VineService
    var records: JobResponses
    var lines: LineWindowReader
    var plans: PlanReader
    var check: RightsCheck
    /// Where people sign in, besides here.
    var providers: [OpenIDProvider]

    func add(to router: some RouterMethods<TrellisContext>) {
        router.get("/") { _, _ in Response.redirect(to: "/dashboard/jobs", type: .found) }
        router.get("dashboard") { _, _ in Response.redirect(to: "/dashboard/jobs", type: .found) }
        router.get("sign-in", use: signIn)
        let pages = router.group("dashboard")
        pages.get("jobs", use: list)
        pages.get("jobs/:id", use: job)
        pages.get("vines") { _, context in try list("vines", title: "Vines", tab: "active_vines", context) }
        pages.get("access") { _, context in try list("access", title: "Access", tab: "active_access", context) }
        pages.get("vines/:id", use: vine)
        pages.get("errors") { _, context in try list("errors", title: "Errors", tab: "active_errors", context) }
        pages.get("search") { _, context in try list("search", title: "Search logs", tab: "active_search", context) }
        pages.get("people") { _, context in try list("people", title: "People", tab: "active_people", context) }
        pages.get("account") { _, context in try list("account", title: "Account", tab: "active_account", context) }
        pages.get("account/login") { _, context in
            try list("login", title: "Sign in a command line", tab: "active_account", context)
        }
        pages.get("tendrils") { _, context in try list("tendrils", title: "Tendrils", tab: "active_tendrils", context) }
        pages.get("api") { _, context in
            let frame = try frame(context, title: "API", tab: "active_api")
            return renderer.page("reference", frame.merging(ReferencePage.model) { own, _ in own })
        }
        pages.get("audit", use: audit)
        pages.get("identities") { _, context in
            try list("identities", title: "Identities", tab: "active_identities", context)
        }
    }

    /// Shows who is already signed in: a link or a token then switches users only on request.
    private func signIn(_ request: Request, context: TrellisContext) async throws -> Response {
        signInPage(nil, context)
    }

    /// The sign-in page with what went wrong.
    @Sendable func signInProblem(_ problem: SignInProblem, _ context: TrellisContext) -> Response {
        signInPage(problem, context)
    }

    private func signInPage(_ problem: SignInProblem?, _ context: TrellisContext) -> Response {
        var model: [String: Any] = [
            "title": "Sign in", "version": VintnerVersion.current,
            "providers": providers.map { ["id": $0.id, "name": $0.name] }, "has_providers": !providers.isEmpty,
        ]
        if case .user(let user) = context.principal { model["user"] = user.name }
        if let problem { model["problem"] = ["heading": problem.heading, "message": problem.message] }
        return renderer.page("sign-in", model, status: problem?.status ?? .ok)
    }

    private func list(_ request: Request, context: TrellisContext) async throws -> Response {
        try list("jobs", title: "Jobs", tab: "active_jobs", context)
    }

    /// The lists fetch their rows themselves; the page is the frame.
    private func list(_ name: String, title: String, tab: String, _ context: TrellisContext) throws -> Response {
        renderer.page(name, try frame(context, title: title, tab: tab))
    }

    private func audit(_ request: Request, context: TrellisContext) async throws -> Response {
        var model = try frame(context, title: "Audit", tab: "active_audit")
        model["action_groups"] = AuditAction.groups.map { group in
            ["name": group.name, "actions": group.actions.map(\.rawValue)] as [String: Any]
        }
        return renderer.page("audit", model)
    }

    /// The page fetches what the state holds itself; the head is in the page.
    private func vine(_ request: Request, context: TrellisContext) async throws -> Response {
        var model = try frame(context, title: "Vine", tab: "active_vines")
        guard let id = VineID(context.parameters.get("id") ?? "") else { throw Refusal.notFound(Vine.noun) }
        let rights = try await check.rights(of: context.requireAccount())
        try await check.require(.vinesRead, on: .vine(id), rights)
        let vine = try await vines.find(id)
        let record = try await vines.record(vine).showing(rights)
        model["json"] = PageRenderer.dataBlock(try WireJSON.encode(record))
        model["title"] = vine.title
        model["vine_id"] = id.rawValue
        model["project_name"] = vine.settings.projectName
        model["environment_stage"] = vine.settings.environmentStage
        return renderer.page("vine", model)
    }

    private func job(_ request: Request, context: TrellisContext) async throws -> Response {
        var model = try frame(context, title: "Job", tab: "active_jobs")
        let text = context.parameters.get("id") ?? ""
        let rights = try await check.rights(of: context.requireAccount())
        guard let id = JobID(text) else { return try await jobByPrefix(text.lowercased(), rights, request, context) }
        try await check.require(.jobsRead, on: .job(id), rights)
        let job = try await jobs.find(id)
        try await check.require(.logsRead, on: .job(id), rights)
        let view = request.uri.queryParameters["view"].flatMap { JobPage.View(rawValue: String($0)) }
        let page = JobPage(
            job: try await records.record(job), vine: .init(job), apply: try await jobs.applyCheck(job),
            log: try await lines.window(Self.logEnd, of: job),
            plan: view == .changes ? try await plans.page(of: id, limit: Self.firstChanges) : nil,
            access: try await JobPage.Access(rights, on: .vine(job.vine, in: job.vineyard), check))
        let data = try WireJSON.encode(page)
        model["json"] = PageRenderer.dataBlock(data)
        model.merge(page.fields) { _, field in field }
        model["view"] = view?.rawValue
        return renderer.page("job", model)
    }

    /// Redirects from the start of a job's ID, as pages and logs show it, to the job.
    private func jobByPrefix(
        _ prefix: String, _ rights: Rights, _ request: Request, _ context: TrellisContext
    ) async throws -> Response {
        guard (4...36).contains(prefix.utf8.count), prefix.allSatisfy({ $0.isHexDigit || $0 == "-" }) else {
            let shown = String(prefix).shortened(toBytes: 40)
            throw Refusal(.notFound, "Not a job ID: \"\(shown)\". Give the ID or its first 4+ characters.")
        }
        let found = try await jobs.store.jobIDs(
            startingWith: prefix, visible: rights.visible(.jobsRead), limit: Self.candidates + 1)
        guard let first = found.first else {
            throw Refusal(.notFound, "No job's ID starts with \"\(prefix)\".")
        }
        if found.count == 1 {
            let query = request.uri.query.map { "?\($0)" } ?? ""
            return .redirect(to: "/dashboard/jobs/\(first)\(query)", type: .found)
        }
        let count = found.count > Self.candidates ? "More than \(Self.candidates)" : String(found.count)
        let report = ErrorReport(
            Refusal(.conflict, "\(count) jobs have an ID that starts with \"\(prefix)\". Which one is it?"))
        return ErrorPages(renderer: renderer).page(
            report, context, heading: "Which job?", candidates: found.prefix(Self.candidates).map(\.rawValue))
    }

    /// The maximum number of jobs that are listed for an ambiguous ID.
    private static let candidates = 10

    /// Changes that come with the page: more than are in view.
    private static let firstChanges = 100

    /// As many lines as the job page asks for itself (`job/feed/log-end.js`).
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
}
