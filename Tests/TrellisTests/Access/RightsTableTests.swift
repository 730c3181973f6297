import Domain
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// Every call of the contract × every role × the own and a foreign vineyard, against a live router.
@Suite struct RightsTableTests {
    /// nil is somebody without a role.
    private static let roles: [Role?] = [nil] + Role.allCases

    /// What a call may answer.
    private enum Answer: Equatable {
        case allowed
        case denied
        case hidden
    }

    private struct Place {
        var vine: VineID
        var job: JobID
        var vineyard: VineyardID
        var identity: CloudIdentityID
    }

    /// The permissions that a role gives in its vineyard, worked out apart from the policy.
    private static func has(_ role: Role?, _ permission: Permission, onInstallation: Bool) -> Bool {
        guard permission.level != .account else { return true }
        guard permission.level == .vine || onInstallation else { return false }
        return role?.permissions.contains(permission) ?? false
    }

    private static func expected(
        _ endpoint: EndpointDescription, _ role: Role?, isOwn: Bool, isInVineyard: Bool, onInstallation: Bool
    ) -> Answer {
        guard let permission = endpoint.caller.permission else { return .denied }
        let has = has(role, permission, onInstallation: onInstallation)
        guard isInVineyard, permission.level == .vine else { return has ? .allowed : .denied }
        guard isOwn || onInstallation else { return .hidden }
        if has { return .allowed }
        return role == nil || role == .stateReader ? .hidden : .denied
    }

    @Test func noCallIsWithoutARow() async throws {
        try await TrellisHarness.run { harness, api async throws in
            var rows: [String: Int] = [:]
            let own = try await place(in: vineyard("own", api), api)
            let foreign = try await place(in: vineyard("foreign", api), api)
            for (number, role) in Self.roles.enumerated() {
                for onInstallation in [false, true] {
                    let name = "person-\(number)-\(onInstallation)"
                    let person = try await person(
                        name, role, onInstallation ? "installation" : "vineyard:\(own.vineyard)", api)
                    for endpoint in Endpoints.all {
                        for isOwn in [true, false] {
                            try await check(
                                endpoint, as: person, role, in: isOwn ? own : foreign, isOwn: isOwn,
                                onInstallation: onInstallation, api)
                            rows[endpoint.operation, default: 0] += 1
                        }
                    }
                }
            }
            #expect(Set(rows.keys) == Set(Endpoints.all.map(\.operation)))
            #expect(rows.values.allSatisfy { $0 == Self.roles.count * 4 })
        }
    }

    private func check(
        _ endpoint: EndpointDescription, as person: API, _ role: Role?, in place: Place, isOwn: Bool,
        onInstallation: Bool, _ api: API
    ) async throws {
        // Signing out would end the test's session, and signing in needs nobody.
        guard endpoint.caller != .anyone, endpoint.operation != "signOut" else { return }
        let isInVineyard = endpoint.parameters.contains { parameter in
            [.id("job"), .id("vine"), .id("vineyard"), .id("cloud identity")].contains(parameter.kind)
        }
        let answer = Self.expected(
            endpoint, role, isOwn: isOwn, isInVineyard: isInVineyard, onInstallation: onInstallation)
        // It would end the sessions of this test.
        if endpoint.operation == "replaceAdminToken", answer == .allowed { return }
        // A call that is allowed may change what it names: it gets its own.
        let isChange = isInVineyard && endpoint.method != .get && answer == .allowed
        let place = isChange ? try await self.place(in: place.vineyard, api) : place
        let method = try #require(HTTPRequest.Method(rawValue: endpoint.method.rawValue))
        let path = path(endpoint, place)
        let body = endpoint.method == .get ? nil : "{}"
        let reply = try await person.call(method, path, body)
        let row = "\(endpoint.operation), \(role?.rawValue ?? "none"), own: \(isOwn), all: \(onInstallation)"
        switch answer {
        case .allowed:
            #expect(![401, 403].contains(reply.status), "\(row): \(reply.status) \(reply.error ?? "")")
            if isInVineyard { #expect(reply.error != "Job not found." && reply.error != "Vine not found.", "\(row)") }
        case .denied:
            #expect(reply.status == 403, "\(row): \(reply.status) \(reply.error ?? "")")
            guard let permission = endpoint.caller.permission else { return }
            #expect(reply.error?.contains("the right \(permission.rawValue).") == true, "\(row)")
            #expect(reply.error?.contains("admin can grant it.") == true, "\(row): \(reply.error ?? "")")
        case .hidden:
            let nothing = Place(
                vine: try id(), job: try id(), vineyard: try id(), identity: try id())
            let missing = try await person.call(method, self.path(endpoint, nothing), body)
            #expect(reply.status == 404, "\(row): \(reply.status) \(reply.error ?? "")")
            #expect(reply.status == missing.status && reply.text == missing.text, "\(row): \(missing.text)")
        }
    }

    private func id<Noun>() throws -> Identifier<Noun> { try #require(Identifier(UUID().uuidString)) }

    private func path(_ endpoint: EndpointDescription, _ place: Place) -> String {
        endpoint.parameters.reduce(endpoint.path) { path, parameter in
            let value =
                switch parameter.kind {
                case .id("job"): place.job.rawValue
                case .id("vine"): place.vine.rawValue
                case .id("vineyard"): place.vineyard.rawValue
                case .id("cloud identity"): place.identity.rawValue
                case .id: AuthorizationTests.id
                case .number: "1"
                // The length of a fingerprint, which other texts may have as well.
                default: String(repeating: "0", count: 32)
                }
            return path.replacing("{\(parameter.name)}", with: value)
        }
    }

    // MARK: - People and places

    private func vineyard(_ name: String, _ api: API) async throws -> VineyardID {
        try await api.post("/api/vineyards", #"{"name": "\#(name)"}"#).decode(VineyardResponse.self).id
    }

    private func place(in vineyard: VineyardID, _ api: API) async throws -> Place {
        let name = UUID().uuidString
        let body = API.vine.replacing("orchard", with: name)
            .replacing("{\"project_name\"", with: "{\"vineyard_id\": \"\(vineyard)\", \"project_name\"")
        let vine = try await api.post("/api/vines", body).decode(VineResponse.self)
        #expect(vine.vineyardId == vineyard)
        let job = try await api.makeJob(on: vine.id)
        // A stream of an ended job ends.
        #expect(try await api.post("/api/jobs/\(job.id)/cancel").status == 200)
        let identity = try await api.post("/api/identities", API.identity(name, in: vineyard))
        return Place(
            vine: vine.id, job: job.id, vineyard: vineyard, identity: try identity.decode(IdentityResponse.self).id)
    }

    /// A client with a session, as a browser has one.
    private func person(_ name: String, _ role: Role?, _ scope: String, _ api: API) async throws -> API {
        // The first role ends the time in which everybody is an administrator.
        if let role {
            let body = #"{"principal": "user:\#(name)", "role": "\#(role.rawValue)", "scope": "\#(scope)"}"#
            #expect(try await api.post("/api/grants", body).status == 201)
        } else {
            let body = #"{"principal": "user:somebody", "role": "viewer", "scope": "installation"}"#
            #expect(try await api.post("/api/grants", body).status == 201)
        }
        return try await RightsRouteTests.signIn(name, api)
    }
}

/// What the table can't say: rights that depend on the body of a request, and lists.
@Suite struct RightsRouteTests {
    static func signIn(_ name: String, _ api: API) async throws -> API {
        let url = try await api.post("/api/sign-in-links", #"{"user": "\#(name)"}"#).decode(SignInLinkResponse.self).url
        let reply = try await api.stranger.post("/sign-in", #"{"link": "\#(url.split(separator: "=").last ?? "")"}"#)
        let cookie = String((reply.headers[.setCookie] ?? "").prefix { $0 != ";" })
        let secret = String(cookie.split(separator: "=").last ?? "")
        return API(
            client: api.client, token: "",
            headers: [
                .cookie: cookie,
                Authentication.csrfHeader: Credentials.csrfToken(forSession: secret),
            ])
    }

    private func grant(_ principal: String, _ role: String, _ scope: String, _ api: API) async throws -> Reply {
        try await api.post(
            "/api/grants", #"{"principal": "\#(principal)", "role": "\#(role)", "scope": "\#(scope)"}"#)
    }

    private func vineyard(_ name: String, _ api: API) async throws -> VineyardID {
        try await api.post("/api/vineyards", #"{"name": "\#(name)"}"#).decode(VineyardResponse.self).id
    }

    private func vine(_ project: String, in vineyard: VineyardID, _ api: API) async throws -> VineResponse {
        let body = API.vine.replacing("orchard", with: project)
            .replacing("{\"project_name\"", with: "{\"vineyard_id\": \"\(vineyard)\", \"project_name\"")
        return try await api.post("/api/vines", body).decode(VineResponse.self)
    }

    @Test func withoutRolesNothingGetsHarder() async throws {
        try await TrellisHarness.run { _, api async throws in
            let ana = try await Self.signIn("ana", api)
            #expect(try await ana.post("/api/vines", API.vine).status == 201)
            let me = try await ana.get("/api/me").decode(MeResponse.self)
            #expect(me.principal == "user:ana" && me.roles.map(\.role) == ["admin"])
            #expect(Set(me.rights) == Set(Permission.allCases.map(\.rawValue)))
            let grants = try await ana.get("/api/grants").decode(ListResponse<GrantResponse>.self).items
            #expect(grants.map(\.principal) == ["user:ana", "user:admin"] && grants[0].automatic)
            // The last administrator stays.
            #expect(try await ana.call(.delete, "/api/grants/\(grants[0].id)").status == 204)
            let last = try await api.call(.delete, "/api/grants/\(grants[1].id)")
            #expect(last.status == 409 && last.error?.contains("last administrator") == true)
            #expect(try await ana.get("/api/vines").status == 403)
        }
    }

    @Test func aBodyIsAskedAboutLikeAPath() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (shop, bank) = (try await vineyard("shop", api), try await vineyard("bank", api))
            #expect(try await grant("user:fay", "planner", "vineyard:shop", api).status == 201)
            let fay = try await Self.signIn("fay", api)
            let (own, foreign) = (try await vine("own", in: shop, api), try await vine("foreign", in: bank, api))
            func job(_ type: String, _ vine: VineID, plan: JobID? = nil) async throws -> Reply {
                let plan = plan.map { #", "plan_job_id": "\#($0)""# } ?? ""
                return try await fay.post("/api/jobs", #"{"job_type": "\#(type)", "vine_id": "\#(vine)"\#(plan)}"#)
            }
            let planned = try await job("PLAN", own.id)
            #expect(planned.status == 201)
            let plan = try planned.decode(JobResponse.self)
            #expect(plan.vineyardId == shop)
            let denied = try await job("DEPLOY", own.id, plan: plan.id)
            #expect(denied.status == 403)
            #expect(
                denied.error
                    == "To apply or destroy on this vine, you need the right jobs:apply. The role operator gives it. "
                    + "admin can grant it.")
            #expect(try await job("DESTROY", own.id).status == 403)
            #expect(try await job("PLAN", foreign.id).status == 404)
            #expect(try await job("DESTROY", foreign.id).error == "Vine not found.")
            let elsewhere = try await api.makeJob(on: foreign.id)
            #expect(try await grant("user:fay", "operator", "vine:\(own.id)", api).status == 201)
            #expect(try await job("DEPLOY", own.id, plan: elsewhere.id).error == "Job not found.")
            #expect(try await fay.get("/api/jobs/\(plan.id)/plan/compare?with=\(elsewhere.id)").status == 404)
            for query in ["plan_job_id=\(elsewhere.id)", "vine_id=\(foreign.id)"] {
                #expect(try await fay.get("/api/workers?\(query)").status == 404, "\(query)")
            }
            // An operator changes variables and nothing else.
            func patch(_ body: String, _ vine: VineID) async throws -> Int {
                try await fay.call(.patch, "/api/vines/\(vine)", body).status
            }
            #expect(try await patch(#"{"variables": {"rows": 5}}"#, own.id) == 200)
            #expect(try await patch(#"{"environment": {"A": "b"}}"#, own.id) == 403)
            #expect(try await patch(#"{"two_people": true}"#, own.id) == 403)
            #expect(try await fay.post("/api/vines", API.vine).status == 403)
            // Whoever may not see an identity does not learn its name.
            let hidden = try await api.post("/api/identities", API.identity("top-secret", in: bank))
                .decode(IdentityResponse.self).id
            #expect(try await grant("user:fay", "maintainer", "vineyard:\(shop)", api).status == 201)
            let replies = [
                try await fay.call(.patch, "/api/vines/\(own.id)", #"{"identity_id": "\#(hidden)"}"#),
                try await fay.post(
                    "/api/vines",
                    String(API.vine.dropLast()) + #", "vineyard_id": "\#(shop)", "identity_id": "\#(hidden)"}"#),
            ]
            for reply in replies {
                #expect(reply.status == 404 && reply.error == "Cloud identity not found.", "\(reply.text)")
            }
            // Nobody takes a vine to where one may not.
            #expect(try await patch(#"{"vineyard_id": "\#(bank)"}"#, own.id) == 404)
            #expect(try await patch(#"{"two_people": true}"#, own.id) == 200)
            #expect(try await job("DESTROY", own.id).error?.contains("two people") == true)
            #expect(try await grant("user:fay", "viewer", "vineyard:\(shop)", fay).status == 403)
        }
    }

    @Test func listsAndPagesShowWhatOneMaySee() async throws {
        try await TrellisHarness.run { _, api async throws in
            let (shop, bank) = (try await vineyard("shop", api), try await vineyard("bank", api))
            let (own, foreign) = (try await vine("own", in: shop, api), try await vine("foreign", in: bank, api))
            let (mine, theirs) = (try await api.makeJob(on: own.id), try await api.makeJob(on: foreign.id))
            #expect(try await api.post("/api/workers", #"{"name": "b", "vineyards": ["\#(bank)"]}"#).status == 201)
            #expect(try await api.post("/api/workers", #"{"name": "a"}"#).status == 201)
            #expect(try await api.post("/api/teams", #"{"name": "shop-dev", "members": ["eve"]}"#).status == 201)
            #expect(try await grant("team:shop-dev", "viewer", "vineyard:\(shop)", api).status == 201)
            let eve = try await Self.signIn("eve", api)
            let jobs = try await eve.get("/api/jobs").decode(ListResponse<JobListItem>.self).items
            #expect(jobs.map(\.job.id) == [mine.id])
            #expect(try await eve.get("/api/jobs?vine_id=\(foreign.id)").text.contains(#""items":[]"#))
            let vines = try await eve.get("/api/vines").decode(ListResponse<VineResponse>.self).items
            #expect(vines.map(\.id) == [own.id])
            #expect(vines[0].rights?.contains("jobs:read") == true && vines[0].rights?.contains("jobs:plan") == false)
            let workers = try await eve.get("/api/workers").decode(ListResponse<WorkerResponse>.self).items
            #expect(workers.map(\.name) == ["a"])
            let vineyards = try await eve.get("/api/vineyards").decode(ListResponse<VineyardResponse>.self).items
            #expect(vineyards.map(\.name) == ["shop"])
            #expect(try await eve.get("/api/grants?scope=vineyard:\(bank)").status == 404)
            let me = try await eve.get("/api/me?vine_id=\(own.id)").decode(MeResponse.self)
            #expect(me.roles.map(\.through) == ["team:shop-dev"] && !me.rights.contains("jobs:plan"))
            #expect(try await eve.get("/api/me?vine_id=\(foreign.id)").status == 404)
            // Pages.
            let page = try await eve.get("/dashboard/jobs/\(mine.id)")
            #expect(page.status == 200 && page.text.contains("you need the right jobs:apply"))
            let hidden = try await eve.get("/dashboard/jobs/\(theirs.id)")
            let missing = try await eve.get("/dashboard/jobs/\(AuthorizationTests.id)")
            #expect(hidden.status == 404 && hidden.text == missing.text)
            #expect(try await eve.get("/dashboard/jobs/\(theirs.id.short)").status == 404)
            #expect(try await eve.get("/dashboard/vines/\(foreign.id)").status == 404)
            #expect(try await eve.get("/api/errors").text.contains(#""items":[]"#))
            #expect(try await eve.get("/api/search?q=x").text.contains(#""searched":1"#))
            #expect(try await eve.get("/dashboard/jobs/\(mine.id.short)").status == 302)
            for name in ["jobs", "vines", "vines/\(own.id)", "tendrils", "errors", "search", "access"] {
                #expect(try await eve.get("/dashboard/\(name)").status == 200, "\(name)")
            }
            // The team is gone, and everything with it.
            #expect(try await api.call(.delete, "/api/teams/shop-dev").status == 204)
            #expect(try await eve.get("/api/jobs/\(mine.id)").status == 404)
            #expect(try await eve.get("/dashboard/jobs/\(mine.id)").status == 404)
            #expect(try await eve.get("/api/jobs").status == 403)
        }
    }

    /// A Tendril that does not hold a job can't tell it from one that does not exist.
    @Test func aTendrilSeesNothingOfOtherJobs() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let holder = try await api.makeTendril("holder")
            let order = try await holder.claim()
            #expect(order.jobId == job.id)
            let other = try await api.makeTendril("other")
            let nothing = AuthorizationTests.id
            let bodies = [
                "reportStatus": #"{"epoch": 1, "status": "PROCESSING"}"#,
                "appendLog": #"{"epoch": 1, "n": 1, "chunks": [{"stream_type": "STDOUT", "log_chunk": "x\n"}]}"#,
                "reportResources": #"{"epoch": 1, "items": []}"#,
                "savePlanChanges": #"{"epoch": 1, "changes": [], "is_first": true}"#,
                "lockState": #"{"ID": "\#(job.id):1"}"#,
                "createIdentityToken": #"{"epoch": 1, "phase": "plan"}"#,
            ]
            var calls = 0
            for endpoint in Endpoints.all {
                switch endpoint.caller {
                case .tendril, .userOrTendril: break
                case .user, .anyone: continue
                }
                guard endpoint.path.contains("{id}") else { continue }
                calls += 1
                let isOfVine = endpoint.path.hasPrefix("/api/vines")
                let method = try #require(HTTPRequest.Method(rawValue: endpoint.method.rawValue))
                let query = endpoint.operation == "readArtifact" ? "?epoch=1&for=ID" : "?epoch=1"
                func reply(_ id: String) async throws -> Reply {
                    let suffix = endpoint.query.contains { $0.name == "epoch" } ? query.replacing("ID", with: id) : ""
                    let lock = #"{"ID": "\#(id):1"}"#
                    return try await other.call(
                        method, endpoint.path.replacing("{id}", with: id) + suffix,
                        endpoint.method == .get ? nil : bodies[endpoint.operation] ?? lock)
                }
                let (seen, missing) = (
                    try await reply(isOfVine ? vine.id.rawValue : job.id.rawValue), try await reply(nothing)
                )
                #expect([404, 410].contains(seen.status), "\(endpoint.operation): \(seen.status) \(seen.text)")
                #expect(
                    seen.status == missing.status && seen.text == missing.text, "\(endpoint.operation): \(missing.text)"
                )
            }
            #expect(calls > 10)
            #expect(try await holder.report(order, API.start).status == 200)
        }
    }

    @Test func openStreamsEndWithTheRight() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            #expect(try await grant("user:fay", "viewer", "vine:\(vine.id)", api).status == 201)
            let check = harness.parts.rights
            let use = StreamUse(permission: .logsRead, resource: .job(job.id))
            #expect(try await check.allows(use, Account(name: "fay")))
            #expect(try await !check.allows(use, Account(name: "eve")))
            #expect(try await !check.allows(use, Account(name: "fay", scopes: [.jobsRead])))
            let grants = try await api.get("/api/grants?principal=user:fay").decode(ListResponse<GrantResponse>.self)
            #expect(try await api.call(.delete, "/api/grants/\(#require(grants.items.first).id)").status == 204)
            #expect(try await !check.allows(use, Account(name: "fay")))
        }
    }
}
