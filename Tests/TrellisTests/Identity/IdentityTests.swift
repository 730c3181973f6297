import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// Cloud identities in the API, and the tokens of jobs.
@Suite struct IdentityTests {
    private struct Running {
        var tendril: API
        var order: ClaimResponse
        var identity: CloudIdentityID

        func token(_ phase: String = "plan", epoch: Int? = nil, by other: API? = nil) async throws -> Reply {
            try await (other ?? tendril).post(
                "/api/jobs/\(order.jobId)/identity-token",
                #"{"epoch": \#(epoch ?? order.epoch), "phase": "\#(phase)"}"#)
        }
    }

    /// A PROCESSING job whose vine has an identity.
    private func running(_ api: API, _ type: JobType = .plan) async throws -> Running {
        let identity = try await api.post("/api/identities", API.identity("shop")).decode(IdentityResponse.self)
        let vine = try await api.makeVine()
        let patch = #"{"identity_id": "\#(identity.id)"}"#
        #expect(try await api.call(.patch, "/api/vines/\(vine.id)", patch).status == 200)
        _ = try await api.makeJob(type, on: vine.id)
        let tendril = try await api.makeTendril()
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        return Running(tendril: tendril, order: order, identity: identity.id)
    }

    private func part(_ token: String, _ index: Int) throws -> JSONValue {
        let parts = token.split(separator: ".")
        #expect(parts.count == 3)
        return try JSONValue(parsing: try #require(Data(base64URL: String(parts[index]))))
    }

    @Test func anIdentityIsCreatedChangedAndDeleted() async throws {
        try await TrellisHarness.run { _, api async throws in
            let created = try await api.post("/api/identities", API.identity("shop"))
            #expect(created.status == 201)
            let identity = try created.decode(IdentityResponse.self)
            #expect(identity.usedBy.isEmpty && identity.policies?.map(\.covers) == ["vineyard", "vineyard"])
            let place = "/api/identities/\(identity.id)"
            let vine = try await api.makeVine()
            let choose = #"{"identity_id": "\#(identity.id)"}"#
            let chosen = try await api.call(.patch, "/api/vines/\(vine.id)", choose).decode(VineResponse.self)
            #expect(chosen.identityId == identity.id)
            let shown = try await api.get(place).decode(IdentityResponse.self)
            #expect(shown.usedBy.map(\.title) == ["orchard / dev"])
            let policy = try #require(shown.policies?.first { $0.covers == "vines" && $0.phase == .plan })
            #expect(policy.text.contains("vineyard:\(vine.vineyardId):vine:\(vine.id):stage:dev:phase:plan"))
            #expect(policy.text.contains("oidc-provider/vintner.example.com"))
            #expect(try await api.call(.delete, place).status == 409)
            #expect(try await api.call(.patch, place, #"{"plan": {"role_arn": "x"}}"#).status == 400)
            #expect(try await api.call(.patch, place, #"{"plan": {"client_id": "x"}}"#).status == 400)
            #expect(try await api.call(.patch, place, #"{"name": "renamed"}"#).status == 200)
            let cleared = try await api.call(.patch, "/api/vines/\(vine.id)", #"{"identity_id": null}"#)
            #expect(try cleared.decode(VineResponse.self).identityId == nil)
            #expect(try await api.call(.delete, place).status == 204)
            #expect(try await api.get(place).error == "Cloud identity not found.")
        }
    }

    @Test func aJobGetsATokenForItsPhase() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let running = try await running(api)
            let reply = try await running.token()
            #expect(reply.status == 200)
            let token = try reply.decode(IdentityTokenResponse.self)
            let (header, claims) = (try part(token.token, 0), try part(token.token, 1))
            let now = harness.clock.now.milliseconds / 1000
            let vine = running.order.vineId
            #expect(
                claims["sub"]?.stringValue == "vineyard:\(Vineyard.defaultID):vine:\(vine):stage:dev:phase:plan")
            #expect(claims["iss"] == "https://vintner.example.com" && claims["aud"] == "aws.workload.identity")
            #expect(claims["iat"] == .integer(now) && claims["nbf"] == .integer(now - 5))
            #expect(claims["exp"] == .integer(now + 900) && claims["phase"] == "plan")
            #expect(claims["job_type"] == "PLAN" && claims["requested_by"] == "admin")
            #expect(token.access.roleArn == "arn:aws:iam::111122223333:role/vintner-plan")
            // The key is one of those that everybody can read.
            let keys = try await api.stranger.get("/.well-known/jwks.json")
            #expect(keys.status == 200 && keys.text.contains(header["kid"]?.stringValue ?? "no key"))
            #expect(!keys.text.contains("\"d\""))
            let discovery = try await api.stranger.get("/.well-known/openid-configuration")
            #expect(
                try JSONValue(parsing: discovery.body)["jwks_uri"]
                    == "https://vintner.example.com/.well-known/jwks.json")
            // Each token is another one.
            #expect(try await running.token().decode(IdentityTokenResponse.self).token != token.token)
        }
    }

    @Test func onlyTheHolderOfTheLeaseGetsTokensAndOnlyWhileItsEngineRuns() async throws {
        try await TrellisHarness.run { _, api async throws in
            let running = try await running(api)
            #expect(try await running.token("apply").status == 409)
            #expect(try await running.token("destroy").status == 409)
            #expect(try await running.token(epoch: 2).status == 410)
            let other = try await api.makeTendril("other")
            #expect(try await running.token(by: other).status == 410)
            #expect(try await running.token(by: api).status == 403)
            #expect(try await running.token(by: api.stranger).status == 401)
            #expect(try await running.token().status == 200)
            // A cancel still leaves the engine time to end what it does.
            #expect(try await api.post("/api/jobs/\(running.order.jobId)/cancel").status == 200)
            #expect(try await running.token().status == 200)
            #expect(try await running.tendril.report(running.order, #""engine_state": "GONE""#).status == 200)
            let late = try await running.token()
            #expect(late.status == 410 && late.error?.contains("engine is gone") == true)
        }
    }

    @Test func aDestroyPlansWithOneRoleAndDestroysWithTheOther() async throws {
        try await TrellisHarness.run { _, api async throws in
            let running = try await running(api, .destroy)
            let plan = try await running.token("plan").decode(IdentityTokenResponse.self)
            let destroy = try await running.token("destroy").decode(IdentityTokenResponse.self)
            #expect(plan.access.roleArn?.hasSuffix("vintner-plan") == true && plan.subject.hasSuffix("phase:plan"))
            #expect(
                destroy.access.roleArn?.hasSuffix("vintner-apply") == true
                    && destroy.subject.hasSuffix("phase:destroy"))
            #expect(try await running.token("apply").status == 409)
        }
    }

    /// A token is in its response, and nowhere else: not in the database, the audit log, the job or an error.
    @Test func aTokenIsStoredNowhere() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let running = try await running(api)
            let token = try await running.token().decode(IdentityTokenResponse.self).token
            let secrets = token.split(separator: ".").dropFirst().map(String.init)
            for path in ["/api/jobs/\(running.order.jobId)", "/api/audit", "/api/identities/\(running.identity)"] {
                let text = try await api.get(path).text
                for secret in secrets { #expect(!text.contains(secret), "\(path)") }
            }
            guard !TrellisHarness.isOnPostgres else { return }
            try await harness.store.check()
            for name in try FileManager.default.contentsOfDirectory(atPath: harness.folder) {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(harness.folder)/\(name)"))
                for secret in secrets { #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)") }
                #expect(bytes.range(of: Data("RSA PRIVATE".utf8)) == nil)
            }
        }
    }

    @Test func aConnectionTestIsForAVineThatUsesTheIdentity() async throws {
        try await TrellisHarness.run { _, api async throws in
            let identity = try await api.post("/api/identities", API.identity("shop")).decode(IdentityResponse.self)
            func test(_ more: String = "") async throws -> Reply {
                try await api.post(
                    "/api/jobs", #"{"job_type": "CONNECTION_TEST", "identity_id": "\#(identity.id)"\#(more)}"#)
            }
            #expect(try await test(#", "phase": "plan""#).status == 409)
            let vine = try await api.makeVine()
            let patch = #"{"identity_id": "\#(identity.id)"}"#
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", patch).status == 200)
            #expect(try await test().status == 400)
            #expect(try await test(#", "phase": "plan", "targets": ["a.b"]"#).status == 400)
            let created = try await test(#", "phase": "apply""#)
            #expect(created.status == 201)
            let job = try created.decode(JobResponse.self)
            #expect(job.vineId == vine.id && job.phase == .apply && job.identityId == identity.id)
            #expect(!created.text.contains("terraform_data"), "it has nothing of the vine's configuration")
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(order.jobType == .connectionTest && order.secrets.isEmpty)
            #expect(try await tendril.report(order, #""status": "PROCESSING", "run_root": "/run""#).status == 200)
            func token(_ phase: String) async throws -> Int {
                try await tendril.post(
                    "/api/jobs/\(order.jobId)/identity-token", #"{"epoch": 1, "phase": "\#(phase)"}"#
                ).status
            }
            #expect(try await token("plan") == 409)
            #expect(try await token("apply") == 200)
            let end = #""status": "SUCCESS", "engine_state": "GONE""#
            #expect(try await tendril.report(order, end).status == 200)
            let again = try await api.post("/api/jobs/\(job.id)/rerun").decode(JobResponse.self)
            #expect(again.jobType == .connectionTest && again.phase == .apply)
        }
    }

    /// Nobody gets a token for applying alone where two people are needed.
    @Test func aTestForApplyingNeedsTwoPeopleAsAnApplyDoes() async throws {
        try await TrellisHarness.run { _, api async throws in
            let identity = try await api.post("/api/identities", API.identity("shop")).decode(IdentityResponse.self)
            let vine = try await api.makeVine()
            func patch(_ body: String) async throws -> Int {
                try await api.call(.patch, "/api/vines/\(vine.id)", body).status
            }
            func test(_ phase: String) async throws -> Reply {
                try await api.post(
                    "/api/jobs",
                    #"{"job_type": "CONNECTION_TEST", "identity_id": "\#(identity.id)", "phase": "\#(phase)"}"#)
            }
            #expect(try await patch(#"{"identity_id": "\#(identity.id)"}"#) == 200)
            // The rule may come while the job waits.
            #expect(try await test("apply").status == 201)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, #""status": "PROCESSING", "run_root": "/run""#).status == 200)
            #expect(try await patch(#"{"two_people": true}"#) == 200)
            let token = try await tendril.post(
                "/api/jobs/\(order.jobId)/identity-token", #"{"epoch": 1, "phase": "apply"}"#)
            #expect(token.status == 403 && token.error?.contains("two people") == true)
            let end = #""status": "FAILED", "engine_state": "GONE", "error_message": "x""#
            #expect(try await tendril.report(order, end).status == 200)
            for phase in ["apply", "destroy"] {
                let refused = try await test(phase)
                #expect(refused.status == 403 && refused.error?.contains("two people") == true)
            }
            #expect(try await api.post("/api/jobs/\(order.jobId)/rerun").status == 403)
            #expect(try await test("plan").status == 201)
        }
    }

    @Test func anIdentityThatIsTakenFromAVineIsTakenFromItsJobs() async throws {
        try await TrellisHarness.run { _, api async throws in
            let running = try await running(api)
            func patch(_ body: String) async throws -> Int {
                try await api.call(.patch, "/api/vines/\(running.order.vineId)", body).status
            }
            let rerun = "/api/jobs/\(running.order.jobId)/rerun"
            #expect(try await running.token().status == 200)
            #expect(try await patch(#"{"identity_id": null}"#) == 200)
            let taken = try await running.token()
            #expect(taken.status == 409 && taken.error?.contains("no longer uses the cloud identity") == true)
            let end = #""status": "FAILED", "engine_state": "GONE", "error_message": "x""#
            #expect(try await running.tendril.report(running.order, end).status == 200)
            let refused = try await api.post(rerun)
            #expect(refused.status == 409 && refused.error?.contains("another cloud identity") == true)
            let back = #"{"identity_id": "\#(running.identity)"}"#
            #expect(try await patch(back) == 200)
            #expect(try await patch(#"{"environment_stage": "prod"}"#) == 200)
            #expect(try await api.post(rerun).error?.contains("another stage") == true)
            #expect(try await patch(#"{"environment_stage": "dev"}"#) == 200)
            #expect(try await api.post(rerun).status == 201)
        }
    }

    @Test func anIssuerIsPlain() throws {
        let subject = try TokenSubject()
        for url in [
            "https://a\"b.example.com", "https://a.example.com/$(id)", "https://a.example.com/a b", "https://ä.de",
        ] {
            #expect(throws: Refusal.self) {
                try IssuerConfiguration(url: url, subject: subject, tokenLifetime: IssuerConfiguration.standardLifetime)
            }
        }
    }

    @Test func keysRotateWithoutAGap() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let keys = harness.parts.issuer.keys
            let first = try await keys.current().place.id
            harness.clock.advance(seconds: 28 * 86_400)
            try await keys.maintain()
            #expect(try await keys.published().count == 2)
            #expect(try await keys.current().place.id == first, "it is published before it is used")
            harness.clock.advance(seconds: 2 * 86_400)
            #expect(try await keys.current().place.id != first)
            try await keys.maintain()
            #expect(try await keys.published().count == 2, "tokens of the first key may still be valid")
            harness.clock.advance(seconds: 2 * 3600)
            try await keys.maintain()
            #expect(try await keys.published().map(\.place.id).contains(first) == false)
        }
    }
}
