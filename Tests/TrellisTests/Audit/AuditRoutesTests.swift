import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import OpenID
import Storage
import Testing
import Wire

@testable import Trellis

/// The audit log's own calls, denials, and the keeper of the chain.
@Suite struct AuditRoutesTests {
    private func events(_ api: API, _ query: String = "") async throws -> [AuditEventResponse] {
        try await api.get("/api/audit?limit=200\(query)").decode(ListResponse<AuditEventResponse>.self).items
    }

    @Test func denialsAreCountedByTheMinute() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let tendril = try await api.makeTendril("t-1")
            for _ in 0..<25 { #expect(try await tendril.post("/api/jobs").status == 403) }
            #expect(try await tendril.get("/api/tokens").status == 403)
            #expect(try await api.post("/api/jobs/claim").status == 403)
            var denied = try await events(api, "&outcome=DENIED")
            #expect(denied.map(\.action) == ["job.claim", "request", "job.create"])
            #expect(denied[2].actorKind == "TENDRIL" && denied[2].resourceId == "POST /api/jobs")
            #expect(denied[0].actorKind == "TOKEN" && denied[0].reason == "Only Tendrils can make this request.")
            harness.clock.advance(seconds: 59)
            try await harness.parts.denials.flush()
            #expect(try await events(api, "&outcome=DENIED").count == 3)
            harness.clock.advance(seconds: 1)
            try await harness.parts.denials.flush()
            denied = try await events(api, "&outcome=DENIED&action=job.create")
            #expect(denied.count == 2 && denied.contains { $0.changes["count"] == 24 })
            // The next minute begins with an event of its own.
            #expect(try await tendril.post("/api/jobs").status == 403)
            #expect(try await events(api, "&outcome=DENIED&action=job.create").count == 3)
        }
    }

    @Test func failedSignInsAreRecorded() async throws {
        try await TrellisHarness.run { harness, api async throws in
            for _ in 0..<3 {
                #expect(try await api.stranger.post("/sign-in", #"{"token": "vnt_wrong"}"#).status == 401)
            }
            let wrong = API(client: api.client, token: "vnt_guessed")
            #expect(try await wrong.get("/api/jobs").status == 401)
            // Nobody tried anything here.
            #expect(try await api.stranger.get("/api/jobs").status == 401)
            try await harness.parts.denials.flush(isLast: true)
            let failed = try await events(api, "&outcome=FAILED")
            #expect(failed.count == 3 && failed.allSatisfy { $0.actorName == "unknown" })
            let signIns = failed.filter { $0.action == "session.create" }
            #expect(signIns.count == 2 && signIns.contains { $0.changes["count"] == 2 })
            #expect(failed.contains { $0.action == "request" && $0.reason == "The API token is not valid." })
            #expect(try await !api.get("/api/audit").text.contains("vnt_"))
        }
    }

    /// What is answered as not found because a right is missing is a denial; what does not exist is nothing.
    @Test func hiddenAccessIsRecordedAndBounded() async throws {
        try await TrellisHarness.run { harness, api async throws in
            #expect(try await api.post("/api/vineyards", #"{"name": "shop"}"#).status == 201)
            let grant = #"{"principal": "user:fay", "role": "viewer", "scope": "vineyard:shop"}"#
            #expect(try await api.post("/api/grants", grant).status == 201)
            let fay = try await RightsRouteTests.signIn("fay", api)
            let vine = try await api.makeVine().id
            let job = try await api.makeJob(on: vine).id
            for _ in 0..<9 { #expect(try await fay.get("/api/jobs/\(job)/evidence").status == 404) }
            #expect(try await fay.get("/dashboard/jobs/\(job)").status == 404)
            #expect(try await fay.get("/api/vines/\(vine)").status == 404)
            let absent: VineID = harness.parts.ambient.makeID()
            #expect(try await fay.get("/api/vines/\(absent)").status == 404)
            try await harness.parts.denials.flush(isLast: true)
            let denied = try await events(api, "&outcome=DENIED&actor=fay")
            let evidence = denied.filter { $0.action == "evidence.read" }
            #expect(evidence.count == 2 && evidence.contains { $0.changes["count"] == 8 })
            #expect(evidence.allSatisfy { $0.resourceId == "GET /api/jobs/\(job)/evidence" })
            let right = AuditEndpoints.evidence.description.caller.permission?.rawValue ?? ""
            let reason = "Answered as not found, because the right \(right) is missing."
            #expect(evidence.allSatisfy { $0.reason == reason }, "\(evidence.map(\.reason))")
            let others = denied.filter { $0.action == "request" }
            #expect(others.contains { $0.resourceId == "GET /dashboard/jobs/\(job)" })
            #expect(others.allSatisfy { !($0.resourceId ?? "").contains(absent.rawValue) })
        }
    }

    /// A sign-in that a provider did not confirm is recorded, without what was sent.
    @Test func failedSignInsAtAProviderAreRecorded() async throws {
        let provider = OpenIDProvider(
            id: "sso", name: "Company SSO", issuer: "http://127.0.0.1:9", clientID: "vintner")
        try await TrellisHarness.run(providers: [provider]) { harness, api async throws in
            #expect(try await api.stranger.get("/sign-in/oidc/start?provider=sso").status == 502)
            #expect(try await api.stranger.get("/sign-in/oidc/callback?state=x&code=c0de").status == 400)
            try await harness.parts.denials.flush(isLast: true)
            let failed = try await events(api, "&action=session.create&outcome=FAILED")
            #expect(failed.map(\.actorName).allSatisfy { $0 == "unknown" } && !failed.isEmpty)
            #expect(failed.contains { $0.resourceName == "Company SSO" || $0.changes["count"] == 1 })
            #expect(try await !api.get("/api/audit").text.contains("c0de"))
        }
    }

    /// The page's filter has every action: a new one must be put into a group.
    @Test func everyActionIsInTheListOfThePage() throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Sources/Domain/Audit/AuditAction.swift").standardized
        let text = try String(contentsOf: source, encoding: .utf8)
        let declared = text.matches(of: /static let \w+ = AuditAction\("([^"]+)"\)/).map { String($0.1) }
        let listed = AuditAction.groups.flatMap(\.actions).map(\.rawValue)
        #expect(declared.count > 40 && Set(listed) == Set(declared) && listed.count == Set(listed).count)
        #expect(Set(AuditedCalls.actions.values.joined().map(\.rawValue)).isSubset(of: listed))
    }

    @Test func theKindsOfDenialsInAMinuteAreBounded() async throws {
        try await TrellisHarness.run { harness, api async throws in
            for n in 0..<(DenialLog.maximumKinds + 50) {
                let context = AuditContext(actor: AuditActor(kind: .user, id: "u\(n)", name: "u\(n)"))
                try await harness.parts.denials.record(
                    context.event(.cancelJob, outcome: .denied, harness.parts.ambient))
            }
            try await harness.parts.denials.flush(isLast: true)
            var (count, cursor) = (0, "")
            repeat {
                let page = try await api.get("/api/audit?outcome=DENIED&limit=200\(cursor)")
                    .decode(ListResponse<AuditEventResponse>.self)
                count += page.items.count
                cursor = page.nextCursor.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            // One each, the first of the others, and the count of those.
            #expect(count == DenialLog.maximumKinds + 2)
        }
    }

    @Test(
        arguments: [
            ("10.1.2.3", "10.1.2.3"), ("6.6.6.6, 10.1.2.3", "10.1.2.3"), ("2001:db8::1", "2001:db8::1"),
            ("<script>", nil), ("", nil), ("10.1.2.3,", "10.1.2.3"), (String(repeating: "1", count: 46), nil),
        ] as [(String, String?)]) func onlyTheProxysOwnWordCounts(_ header: String, _ address: String?) throws
    {
        var head = HTTPRequest(method: .get, scheme: "https", authority: "x", path: "/")
        head.headerFields[headerName("X-Forwarded-For")] = header
        let request = Request(head: head, body: .init(buffer: ByteBuffer()))
        #expect(AuditTrail.forwardedAddress(in: request) == address)
    }

    @Test func anExportHasEveryEventAndItsHashes() async throws {
        try await TrellisHarness.run { harness, api async throws in
            for n in 0..<1200 {
                try await harness.store.record(
                    AuditContext.system.event(.loseLease, reason: "event \(n)", harness.parts.ambient))
            }
            try await harness.parts.audit.seal()
            let text = try await api.get("/api/audit/chain").text
            var chain = AuditChain()
            let lines = text.split(separator: "\n")
            for line in lines { try chain.check(line: line.utf8) }
            let head = try await harness.store.auditChainEnds().head
            #expect(lines.count == 1200 && chain.end == head)
            #expect(try await api.get("/api/audit/chain?after=1199").text.split(separator: "\n").count == 1)
            let filtered = try await api.call(
                .get, "/api/audit?action=lease.lost", nil, headers: [.accept: "application/x-ndjson"])
            #expect(filtered.headers[.contentType]?.hasPrefix("application/x-ndjson") == true)
            #expect(filtered.text.split(separator: "\n").count == 1200)
            #expect(filtered.text.split(separator: "\n").first?.contains("event 1199") == true)
        }
    }

    @Test func theKeeperSaysHowFarTheChainIsVerified() async throws {
        try await TrellisHarness.run { harness, api async throws in
            func status() async throws -> AuditStatusResponse {
                try await api.get("/api/audit/status").decode(AuditStatusResponse.self)
            }
            let keeper = harness.parts.audit
            let empty = try await status()
            #expect(empty.verifiedNumber == 0 && empty.problem == nil && empty.base == AuditEnd.start.description)
            for _ in 0..<700 {
                try await harness.store.record(AuditContext.system.event(.loseLease, harness.parts.ambient))
            }
            try await keeper.seal()
            #expect(try await keeper.check() == nil)
            var known = try await status()
            #expect(known.verifiedNumber == 500 && known.verifiedAt == nil)
            #expect(try await keeper.check() == nil)
            known = try await status()
            #expect(known.verifiedNumber == 700 && known.verifiedAt != nil)
            // Behind the server's back.
            if let store = harness.store as? any SQLiteStoreForTests {
                try await store.execute("UPDATE audit_events SET ip = '6.6.6.6' WHERE number = 300")
                for _ in 0..<3 { try await keeper.check() }
                let problem = try #require(await status().problem)
                #expect(problem.kind == "ALTERED" && problem.number == 300)
                #expect(try await status().verifiedNumber == 299)
                try await store.execute("UPDATE audit_events SET ip = NULL WHERE number = 300")
                for _ in 0..<6 { try await keeper.check() }
                #expect(try await status().problem == nil)
            }
        }
    }

    @Test func oldEventsAreDeletedWhereThatIsConfigured() async throws {
        try await TrellisHarness.run { harness, api async throws in
            try await harness.store.record(AuditContext.system.event(.loseLease, harness.parts.ambient))
            try await harness.parts.audit.seal()
            harness.clock.advance(seconds: 10 * 86_400)
            let keeper = AuditKeeper(store: harness.store, ambient: harness.parts.ambient, days: 10)
            try await keeper.deleteOld()
            #expect(try await events(api, "&action=lease.lost").count == 1)
            harness.clock.advance(seconds: 1)
            try await harness.parts.audit.deleteOld()
            #expect(try await events(api, "&action=lease.lost").count == 1)
            try await keeper.deleteOld()
            try await keeper.deleteOld()
            #expect(try await events(api, "&action=lease.lost").isEmpty)
            let deletion = try await events(api, "&action=audit.retention")
            #expect(deletion.count == 1 && deletion[0].changes["count"] == 1 && deletion[0].changes["days"] == 10)
            try await keeper.seal()
            #expect(try await keeper.check() == nil)
            #expect(try await keeper.status().base.hasPrefix("1:"))
        }
    }
}
