import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Storage
import Testing
import Wire

@testable import Trellis

/// Who gets in, and who does not.
@Suite struct AuthorizationTests {
    static let id = "5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904"

    static let closed: [(HTTPRequest.Method, String)] = [
        (.get, "/api/jobs"), (.post, "/api/jobs"), (.get, "/api/jobs/\(id)"), (.patch, "/api/jobs/\(id)"),
        (.get, "/api/jobs/\(id)/status"), (.get, "/api/jobs/\(id)/apply-check"), (.post, "/api/jobs/\(id)/cancel"),
        (.post, "/api/jobs/\(id)/force-cancel"), (.post, "/api/jobs/\(id)/give-up"),
        (.post, "/api/vines/\(id)/break-lock"), (.get, "/api/vines/\(id)/state/versions"),
        (.get, "/api/vines/\(id)/state/versions/1"), (.get, "/api/vines/\(id)/outputs"),
        (.get, "/api/vines/\(id)/resources"), (.get, "/api/vines/\(id)/states"), (.get, "/api/vines/\(id)/states/1"),
        (.get, "/api/vines/\(id)/states/2/compare?with=1"),
        (.get, "/api/vines/\(id)/states/2/compare/resource?with=1&address=x.a"),
        (.post, "/api/jobs/\(id)/apply"), (.post, "/api/jobs/\(id)/rerun"), (.get, "/api/jobs/\(id)/logs"),
        (.get, "/api/jobs/\(id)/logs/lines"), (.get, "/api/jobs/\(id)/logs/outline"),
        (.get, "/api/jobs/\(id)/logs/search?q=x"), (.get, "/api/jobs/\(id)/logs/stream"), (.get, "/api/vines"),
        (.post, "/api/vines"), (.get, "/api/vines/\(id)"), (.patch, "/api/vines/\(id)"), (.delete, "/api/vines/\(id)"),
        (.get, "/api/vines/\(id)/state"), (.post, "/api/vines/\(id)/state"), (.post, "/api/vines/\(id)/lock"),
        (.delete, "/api/vines/\(id)/lock"), (.get, "/api/workers"), (.post, "/api/workers"),
        (.post, "/api/workers/heartbeat"), (.get, "/api/workers/stream"), (.post, "/api/jobs/claim"),
        (.get, "/api/jobs/\(id)/work"), (.put, "/api/jobs/\(id)/status"), (.post, "/api/jobs/\(id)/logs"),
        (.get, "/api/jobs/\(id)/logs/cursor"), (.put, "/api/jobs/\(id)/artifact"), (.get, "/api/jobs/\(id)/artifact"),
        (.delete, "/api/workers/\(id)"), (.get, "/api/tokens"), (.post, "/api/tokens"),
        (.post, "/api/tokens/replace-admin"), (.delete, "/api/tokens/\(id)"), (.get, "/api/sessions"),
        (.delete, "/api/sessions/\(id)"),
        (.post, "/api/sign-in-links"), (.post, "/sign-out"), (.get, "/realtime/v1/websocket"),
        (.get, "/socket/websocket"),
    ]

    @Test func rejectsRequestsWithoutCredential() async throws {
        try await TrellisHarness.run { _, api async throws in
            for (method, uri) in Self.closed {
                let body = method == .get ? nil : #"{"ID": "x", "name": "x"}"#
                let reply = try await api.stranger.call(method, uri, body)
                #expect(reply.status == 401, "\(method) \(uri)")
                #expect(reply.error?.isEmpty == false, "\(method) \(uri)")
            }
        }
    }

    @Test func pagesRedirectToSignIn() async throws {
        try await TrellisHarness.run { _, api async throws in
            for page in [
                "/dashboard/jobs", "/dashboard/jobs/\(Self.id)", "/dashboard/vines", "/dashboard/vines/\(Self.id)",
                "/dashboard/tendrils",
            ] {
                let reply = try await api.stranger.get(page)
                #expect(reply.status == 302)
                #expect(reply.headers[.location] == "/sign-in?next=\(page)")
            }
        }
    }

    @Test func onlyPublicRoutesAreOpen() async throws {
        try await TrellisHarness.run { _, api async throws in
            for uri in ["/healthz", "/readyz", "/sign-in", "/assets/app.css"] {
                #expect(try await api.stranger.get(uri).status == 200, "\(uri)")
            }
            for uri in [
                "/assets/../templates/job.mustache", "/assets/%2e%2e/templates/job.mustache", "/templates/job.mustache",
            ] {
                #expect(try await api.stranger.get(uri).status >= 400, "\(uri)")
            }
        }
    }

    @Test func assetsAreKeptUnderThePathThatPagesName() async throws {
        try await TrellisHarness.run { _, api async throws in
            let page = try await api.stranger.get("/sign-in").text
            let style = try #require(page.firstMatch(of: /"(\/assets\/[0-9a-f]{12}\/app\.css)"/)).1
            let kept = try await api.stranger.get(String(style))
            #expect(kept.status == 200 && kept.headers[.cacheControl]?.contains("immutable") == true)
            let named = try await api.stranger.get("/assets/app.css")
            #expect(named.body == kept.body && named.headers[.cacheControl] == "no-cache")
            // What an older program named is not answered with something else.
            #expect(try await api.stranger.get("/assets/0123456789ab/app.css").status == 404)
        }
    }

    @Test func everyAnswerCarriesTheSecurityHeaders() async throws {
        try await TrellisHarness.run { _, api async throws in
            for uri in ["/sign-in", "/api/jobs", "/nothing-here", "/healthz"] {
                let headers = try await api.get(uri).headers
                let policy = headers[.contentSecurityPolicy] ?? ""
                #expect(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"))
                #expect(!policy.contains("unsafe"))
                #expect(headers[.xContentTypeOptions] == "nosniff")
            }
        }
    }

    @Test func wrongTokensAreRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            for authorization in ["Bearer wrong", "Bearer ", "Bearer", "Basic !!!", "Digest x", "Bearer \(api.token)x"]
            {
                let reply = try await api.stranger.call(.get, "/api/jobs", headers: [.authorization: authorization])
                #expect(reply.status == 401, "\(authorization)")
            }
            let basic = Data("any:\(api.token)".utf8).base64EncodedString()
            #expect(
                try await api.stranger.call(.get, "/api/jobs", headers: [.authorization: "Basic \(basic)"]).status
                    == 200)
        }
    }

    @Test func aTendrilsTokenIsItsOwnAndOnlyForItsCalls() async throws {
        try await TrellisHarness.run { _, api async throws in
            let one = try await api.post("/api/workers", #"{"name": "one"}"#).decode(RegisterWorkerResponse.self)
            let two = try await api.post("/api/workers", #"{"name": "two"}"#).decode(RegisterWorkerResponse.self)
            let mixed = RegisterWorkerResponse(workerId: one.workerId, workerToken: two.workerToken)
            #expect(try await api.tendril(mixed).beat().status == 401)
            #expect(try await api.tendril(one).beat().status == 200)
            #expect(try await api.tendril(one).get("/api/jobs").status == 403)
            #expect(try await api.post("/api/jobs/claim").status == 403)
            #expect(try await !api.get("/api/workers").text.contains(one.workerToken))
        }
    }

    @Test func rejectsUnknownHost() async throws {
        let origins = AllowedOrigins(host: "127.0.0.1", port: 8080, isTLS: false, publicURL: nil)
        #expect(origins.allows(host: "localhost:8080") && origins.allows(host: "127.0.0.1:8080"))
        #expect(!origins.allows(host: "evil.example:8080") && !origins.allows(host: "localhost"))
        #expect(origins.allows(origin: "http://localhost:8080") && !origins.allows(origin: "http://evil.example"))
        let proxied = AllowedOrigins(
            host: "0.0.0.0", port: 8080, isTLS: false, publicURL: "https://vintner.example.com/")
        #expect(proxied.allows(host: "vintner.example.com") && !proxied.allows(host: "0.0.0.0:8080"))
        #expect(proxied.allows(origin: "https://vintner.example.com") && !proxied.allows(origin: "null"))
        // Its own pages are only those that were loaded over TLS.
        #expect(!proxied.allows(origin: "http://vintner.example.com"))
        #expect(proxied.allows(origin: "http://127.0.0.1:8080"), "reached without the proxy")
        let tls = AllowedOrigins(host: "127.0.0.1", port: 8443, isTLS: true, publicURL: nil)
        #expect(tls.allows(origin: "https://localhost:8443") && !tls.allows(origin: "http://localhost:8443"))
    }

    @Test func nonLoopbackHostRequiresTLSOrProxy() async {
        let configuration = TrellisConfiguration(host: "0.0.0.0", database: "sqlite:/nowhere", dataFolder: "/nowhere")
        await #expect(throws: TrellisStartError.self) {
            _ = try await TrellisApplication(configuration, logger: TrellisHarness.quiet)
        }
    }
}

/// Sign-in links, sessions, and what a foreign page can't do with them.
@Suite struct SignInTests {
    /// A new link's secret.
    func link(_ api: API, user: String) async throws -> String {
        let body = #"{"user": "\#(user)"}"#
        let url = try await api.post("/api/sign-in-links", body).decode([String: String].self)["url"] ?? ""
        return String(url.split(separator: "=").last ?? "")
    }

    /// Signs in with a new link; returns the cookie.
    func signIn(_ api: API, user: String = "ana") async throws -> (cookie: String, link: String) {
        let secret = try await link(api, user: user)
        let reply = try await api.stranger.post("/sign-in", #"{"link": "\#(secret)"}"#)
        #expect(reply.status == 200)
        let header = reply.headers[.setCookie] ?? ""
        #expect(header.contains("HttpOnly") && header.contains("SameSite=Lax") && header.contains("Max-Age="))
        return (String(header.prefix { $0 != ";" }), secret)
    }

    @Test func signInLinkWorksOnceAndExpires() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let (_, link) = try await signIn(api)
            let again = try await api.stranger.post("/sign-in", #"{"link": "\#(link)"}"#)
            #expect(again.status == 401 && again.error?.contains("used before") == true)
            let url = try await api.post("/api/sign-in-links").decode([String: String].self)["url"] ?? ""
            harness.clock.advance(seconds: 601)
            let late = try await api.stranger.post("/sign-in", #"{"link": "\#(url.split(separator: "=").last ?? "")"}"#)
            #expect(late.status == 401)
        }
    }

    @Test func anAPITokenSignsInToo() async throws {
        try await TrellisHarness.run { _, api async throws in
            #expect(try await api.stranger.post("/sign-in", #"{"token": "\#(api.token)"}"#).status == 200)
            #expect(try await api.stranger.post("/sign-in", #"{"token": "x"}"#).status == 401)
            #expect(try await api.stranger.post("/sign-in", "{}").status == 401)
        }
    }

    @Test func aSessionReadsButChangesOnlyWithItsCSRFToken() async throws {
        try await TrellisHarness.run { _, api async throws in
            let cookie = try await signIn(api).cookie
            let secret = String(cookie.split(separator: "=", maxSplits: 1)[1])
            let csrf = Credentials.csrfToken(forSession: secret)
            let browser = API(client: api.client, token: "", headers: [.cookie: cookie])
            #expect(try await browser.get("/api/jobs").status == 200)
            let page = try await browser.get("/dashboard/jobs")
            #expect(page.status == 200 && page.text.contains(csrf) && page.text.contains("ana"))
            #expect(try await browser.post("/api/vines", API.vine).status == 403)
            let ours = headerName("X-CSRF-Token")
            #expect(try await browser.call(.post, "/api/vines", API.vine, headers: [ours: "wrong"]).status == 403)
            #expect(try await browser.call(.post, "/api/vines", API.vine, headers: [ours: csrf]).status == 201)
            for (name, value) in [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
                let reply = try await browser.call(
                    .post, "/api/vines", API.vine, headers: [ours: csrf, headerName(name): value])
                #expect(reply.status == 403, "\(name)")
            }
        }
    }

    @Test func signingInAgainSwitchesUsersAndEndsTheSessionOfBefore() async throws {
        try await TrellisHarness.run { _, api async throws in
            let ways: [(String, @Sendable () async throws -> String)] = [
                ("link", { try await self.link(api, user: "ben") }), ("token", { api.token }),
            ]
            for (kind, secret) in ways {
                let cookie = try await signIn(api).cookie
                let browser = API(client: api.client, token: "", headers: [.cookie: cookie])
                let page = try await browser.get("/sign-in").text
                #expect(page.contains("signed in as") && page.contains("ana"))
                // As a browser sends it: with the cookie, without a CSRF token, from our own page.
                let reply = try await browser.call(
                    .post, "/sign-in", #"{"\#(kind)": "\#(try await secret())"}"#,
                    headers: [.origin: "http://localhost", headerName("Sec-Fetch-Site"): "same-origin"])
                #expect(reply.status == 200, "\(kind)")
                let new = String((reply.headers[.setCookie] ?? "").prefix { $0 != ";" })
                #expect(new != cookie)
                #expect(try await browser.get("/api/jobs").status == 401)
                let switched = API(client: api.client, token: "", headers: [.cookie: new])
                #expect(try await switched.get("/api/jobs").status == 200)
            }
        }
    }

    @Test func noOtherSiteSignsSomebodyIn() async throws {
        try await TrellisHarness.run { _, api async throws in
            let cookie = try await signIn(api).cookie
            let secret = try await link(api, user: "mallory")
            let foreign: [[(String, String)]] = [
                [("Origin", "http://evil.example")], [("Sec-Fetch-Site", "cross-site")],
                [("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost")], [("Origin", "null")],
            ]
            for fields in foreign {
                for client in [api.stranger, API(client: api.client, token: "", headers: [.cookie: cookie])] {
                    var headers = HTTPFields()
                    for (name, value) in fields { headers[headerName(name)] = value }
                    let reply = try await client.call(
                        .post, "/sign-in", #"{"link": "\#(secret)"}"#, headers: headers)
                    #expect(reply.status == 403 && reply.headers[.setCookie] == nil, "\(fields)")
                }
            }
            // Nothing of that has used the link up, or ended the session.
            #expect(
                try await API(client: api.client, token: "", headers: [.cookie: cookie]).get("/api/jobs").status == 200)
            #expect(try await api.stranger.post("/sign-in", #"{"link": "\#(secret)"}"#).status == 200)
        }
    }

    @Test func theCookieIsNamedByThePortThatBrowsersUse() {
        let names = [
            "http://127.0.0.1:8080": "vintner_session_8080", "http://[::1]:8081": "vintner_session_8081",
            "https://vintner.example.com": "vintner_session_443", "http://vintner.example.com/": "vintner_session_80",
            "https://host:9443/": "vintner_session_9443",
        ]
        for (url, name) in names {
            let cookie = SessionCookie(publicURL: url)
            #expect(cookie.name == name)
            #expect(cookie.cookie("x", maxAge: 1).description.contains("Secure") == url.hasPrefix("https"))
        }
    }

    @Test func aSessionEndsByItselfAndBySigningOut() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let first = try await signIn(api).cookie
            let csrf = Credentials.csrfToken(forSession: String(first.split(separator: "=", maxSplits: 1)[1]))
            let browser = API(client: api.client, token: "", headers: [.cookie: first])
            #expect(
                try await browser.call(.post, "/sign-out", headers: [headerName("X-CSRF-Token"): csrf]).status == 200)
            #expect(try await browser.get("/api/jobs").status == 401)
            let second = try await signIn(api).cookie
            harness.clock.advance(seconds: 12 * 3600 + 1)
            #expect(
                try await API(client: api.client, token: "", headers: [.cookie: second]).get("/api/jobs").status == 401)
        }
    }

    @Test func tokensAreNotStored() async throws {
        let harness = try await TrellisHarness.make()
        try await harness.store.close()
        for file in try FileManager.default.contentsOfDirectory(atPath: harness.folder) where file.contains("sqlite") {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/" + file))
            #expect(bytes.range(of: Data(harness.token.utf8)) == nil)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: harness.folder + "/admin.token")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        try FileManager.default.removeItem(atPath: harness.folder)
    }

    @Test func everyRouteHasOneSpelling() async throws {
        try await TrellisHarness.run { _, api async throws in
            for (uri, right) in [
                ("/api/jobs/", "/api/jobs"), ("/api//jobs", "/api/jobs"),
                ("/api/workers/stream/", "/api/workers/stream"),
                ("/api/jobs//?limit=3", "/api/jobs?limit=3"), ("/dashboard/jobs/", "/dashboard/jobs"),
            ] {
                let reply = try await api.get(uri)
                #expect(reply.status == 308 && reply.headers[.location] == right, "\(uri): \(reply.status)")
            }
            #expect(try await api.post("/api/vines/", API.vine).status == 404)
            // Not the stream under another name, but a Tendril of that ID, which can only be deleted.
            #expect(try await api.get("/api/workers/%73tream").status == 405)
            #expect(try await api.get("/").status == 302)
        }
    }

    @Test func assetsAreWholeOrNotChanged() async throws {
        try await TrellisHarness.run { _, api async throws in
            let script = try await api.stranger.get("/assets/js/job/main.js")
            #expect(script.status == 200 && !script.body.isEmpty)
            #expect(script.headers[.contentType] == "text/javascript; charset=utf-8")
            let tag = try #require(script.headers[.eTag])
            let again = try await api.stranger.call(.get, "/assets/js/job/main.js", headers: [.ifNoneMatch: tag])
            #expect(again.status == 304 && again.body.isEmpty)
            let head = try await api.stranger.call(.head, "/assets/js/job/main.js")
            #expect(head.status == 200 && head.headers[.contentLength] == String(script.body.count))
            #expect(try await api.stranger.get("/assets/js").status == 404)
        }
    }

    @Test func namesChangeNoDirectionAndHoldNoControls() async throws {
        try await TrellisHarness.run { _, api async throws in
            for mark in ["\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}", "\u{7}", "\u{85}", "\u{2028}"] {
                let name = String(decoding: try JSONEncoder().encode("a\(mark)b"), as: UTF8.self)
                #expect(try await api.post("/api/workers", "{\"name\": \(name)}").status == 400, "\(name)")
                #expect(try await api.post("/api/sign-in-links", "{\"user\": \(name)}").status == 400, "\(name)")
                for field in ["project_name", "environment_stage"] {
                    let other = field == "project_name" ? "environment_stage" : "project_name"
                    let vine = """
                        {"\(field)": \(name), "\(other)": "x", "source": {"type": "inline", "files": {"main.tf": ""}}}
                        """
                    #expect(try await api.post("/api/vines", vine).status == 400, "\(name)")
                }
            }
            #expect(try await api.post("/api/workers", #"{"name": "Größe 日本 👩‍🌾 שלום"}"#).status == 201)
        }
    }

    /// Another Tendril's appends are refused, and don't count against the holder's rate.
    @Test func anotherTendrilsAppendsDontSlowTheHolder() async throws {
        let limits = TrellisLimits(appends: AppendRate(burst: 1, perSecond: 1))
        try await TrellisHarness.run(limits: limits) { _, api async throws in
            let (tendril, order) = try await LogsTests().running(api)
            let other = try await api.makeTendril("other")
            #expect(try await other.append(order, n: 1, "mine\n").status == 410)
            for n in 2...3 { #expect(try await other.append(order, n: n, "mine\n").status >= 400) }
            #expect(try await tendril.append(order, n: 1, "ours\n").status == 200)
            #expect(try await tendril.append(order, n: 2, "more\n").status == 429)
        }
    }
}
