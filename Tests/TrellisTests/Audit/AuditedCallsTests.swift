import Crypto
import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// Which calls are deeds, and that each of them is recorded.
@Suite struct AuditedCallsTests {
    /// A new call that changes something must say what it records, or why it records nothing.
    @Test func everyChangingCallIsListed() {
        let operations = Set(Endpoints.all.map(\.operation))
        for endpoint in Endpoints.all where endpoint.method != .get {
            let name = endpoint.operation
            #expect(
                (AuditedCalls.actions[name] == nil) != (AuditedCalls.unrecorded[name] == nil),
                "\(name) changes something: list its actions in AuditedCalls.actions, or the reason for none")
        }
        // Reads of states, plans and secrets.
        for name in ["readState", "readStateVersion", "downloadVineState", "readArtifact", "getWork", "getEvidence"] {
            #expect(AuditedCalls.actions[name] != nil, "\(name)")
        }
        let listed = Set(AuditedCalls.actions.keys).union(AuditedCalls.unrecorded.keys)
        #expect(listed.isSubset(of: operations), "\(listed.subtracting(operations))")
    }

    private func events(_ api: API, _ query: String = "") async throws -> [AuditEventResponse] {
        try await api.get("/api/audit?limit=200\(query)").decode(ListResponse<AuditEventResponse>.self).items
    }

    private typealias Expectation = (String, Reply, AuditAction, String) async throws -> Void

    /// The calls about cloud identities, and the token of a job.
    private func identities(_ api: API, _ expect: Expectation) async throws {
        let created = try await api.post("/api/identities", API.identity("shop"))
        try await expect("createIdentity", created, .createIdentity, "admin")
        let place = "/api/identities/\(try created.decode(IdentityResponse.self).id)"
        try await expect(
            "updateIdentity", api.call(.patch, place, #"{"name": "shop-2"}"#), .updateIdentity, "admin")
        let vine = try await api.makeVine("cloudy")
        let identity = try created.decode(IdentityResponse.self).id
        #expect(
            try await api.call(.patch, "/api/vines/\(vine.id)", #"{"identity_id": "\#(identity)"}"#).status == 200)
        _ = try await api.makeJob(on: vine.id)
        let tendril = try await api.makeTendril("t-0")
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        try await expect(
            "createIdentityToken",
            tendril.post("/api/jobs/\(order.jobId)/identity-token", #"{"epoch": 1, "phase": "plan"}"#), .issueToken,
            "t-0")
        #expect(try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE""#).status == 200)
        #expect(try await api.call(.patch, "/api/vines/\(vine.id)", #"{"identity_id": null}"#).status == 200)
        try await expect("deleteIdentity", api.call(.delete, place, nil), .deleteIdentity, "admin")
    }

    /// Makes each call that is listed, and looks for its event.
    @Test func everyListedActionIsRecorded() async throws {
        try await TrellisHarness.run { harness, api async throws in
            var made: Set<String> = []
            func expect(_ operation: String, _ reply: Reply, recorded action: AuditAction, by name: String = "admin")
                async throws
            {
                made.insert(operation)
                #expect((200..<300).contains(reply.status), "\(operation): \(reply.status) \(reply.text)")
                #expect(AuditedCalls.actions[operation]?.contains(action) == true, "\(operation)")
                let request = try #require(reply.headers[AuditTrail.requestID])
                let found = try await events(api, "&request_id=\(request)")
                let event = found.first { $0.action == action.rawValue }
                #expect(event?.outcome == "ALLOWED" && event?.actorName == name, "\(operation): \(found)")
            }
            try await self.identities(api) { try await expect($0, $1, recorded: $2, by: $3) }
            let reply = try await api.post("/api/vines", API.vine)
            try await expect("createVine", reply, recorded: .createVine)
            let vine = try reply.decode(VineResponse.self)
            let path = "/api/vines/\(vine.id)"
            try await expect(
                "updateVine", api.call(.patch, path, #"{"region": "eu-1"}"#), recorded: .updateVine)

            let registered = try await api.post("/api/workers", #"{"name": "t-1"}"#)
            try await expect("registerTendril", registered, recorded: .registerTendril)
            let worker = try registered.decode(RegisterWorkerResponse.self).workerId
            let tendril = try api.tendril(registered.decode(RegisterWorkerResponse.self))
            #expect(try await tendril.beat().status == 200)

            let created = try await api.post("/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(vine.id)"}"#)
            try await expect("createJob", created, recorded: .createJob)
            let plan = try created.decode(JobResponse.self).id
            let assigned = try await api.call(
                .patch, "/api/jobs/\(plan)",
                #"{"assigned_worker_id": "\#(try registered.decode(RegisterWorkerResponse.self).workerId)"}"#)
            try await expect("assignJob", assigned, recorded: .assignJob)
            let claimed = try await tendril.post("/api/jobs/claim")
            try await expect("claimJob", claimed, recorded: .claimJob, by: "t-1")
            let order = try claimed.decode(ClaimResponse.self)
            try await expect(
                "getWork", tendril.get("/api/jobs/\(plan)/work?epoch=1"), recorded: .readSecrets, by: "t-1")
            try await expect(
                "reportStatus", tendril.report(order, API.start), recorded: .reportJob, by: "t-1")
            let lock = #"{"ID": "\#(plan):1", "Who": "t-1"}"#
            for (operation, method, place) in [
                ("lockState", "POST", "lock"), ("lockStateWithLOCK", "LOCK", "lock"),
                ("lockStateAtItsPath", "LOCK", "state"),
            ] {
                let method = try #require(HTTPRequest.Method(rawValue: method))
                try await expect(
                    operation, tendril.call(method, "\(path)/\(place)", lock), recorded: .takeLock, by: "t-1")
            }
            let state = #"{"version": 4, "serial": 7, "lineage": "l", "resources": []}"#
            try await expect(
                "writeState", tendril.post("\(path)/state?ID=\(plan):1", state), recorded: .writeState, by: "t-1")
            try await expect("readState", api.get("\(path)/state"), recorded: .readState)
            try await expect("readState", tendril.get("\(path)/state"), recorded: .readState, by: "t-1")
            try await expect("readStateVersion", api.get("\(path)/state/versions/1"), recorded: .readState)
            try await expect("downloadVineState", api.get("\(path)/states/1"), recorded: .readState)
            for (operation, method, place) in [
                ("unlockState", "DELETE", "lock"), ("unlockStateWithUNLOCK", "UNLOCK", "lock"),
                ("unlockStateAtItsPath", "UNLOCK", "state"),
            ] {
                let method = try #require(HTTPRequest.Method(rawValue: method))
                try await expect(
                    operation, tendril.call(method, "\(path)/\(place)", lock), recorded: .releaseLock, by: "t-1")
            }
            try await expect("saveArtifact", tendril.saveArtifact(order), recorded: .writeArtifact, by: "t-1")
            let end = #""status": "SUCCESS", "engine_state": "GONE", "planned_state": {"lineage": "l", "serial": 7}"#
            try await expect("reportStatus", tendril.report(order, end), recorded: .reportJob, by: "t-1")

            let applied = try await api.post("/api/jobs/\(plan)/apply")
            try await expect("applyPlan", applied, recorded: .applyPlan)
            let deploy = try applied.decode(JobResponse.self).id
            let second = try await tendril.claim()
            try await expect(
                "readArtifact", tendril.get("/api/jobs/\(plan)/artifact?for=\(deploy)&epoch=1"),
                recorded: .readArtifact, by: "t-1")
            #expect(try await tendril.report(second, API.start).status == 200)
            try await expect("cancelJob", api.post("/api/jobs/\(deploy)/cancel"), recorded: .cancelJob)
            try await expect("forceCancelJob", api.post("/api/jobs/\(deploy)/force-cancel"), recorded: .forceCancelJob)
            harness.clock.advance(seconds: 61)
            try await expect("giveUpJob", api.post("/api/jobs/\(deploy)/give-up"), recorded: .giveUpJob)
            try await expect("getEvidence", api.get("/api/jobs/\(deploy)/evidence"), recorded: .readEvidence)
            try await expect("rerunJob", api.post("/api/jobs/\(plan)/rerun"), recorded: .createJob)

            #expect(try await api.post("\(path)/lock", #"{"ID": "mine", "Who": "ana@laptop"}"#).status == 200)
            try await expect(
                "breakStateLock", api.post("\(path)/break-lock", #"{"lock_id": "mine", "confirm": "orchard"}"#),
                recorded: .breakLock)
            let gone = try await api.makeVine("gone")
            try await expect(
                "deleteVine", api.call(.delete, "/api/vines/\(gone.id)", nil), recorded: .deleteVine)
            let other = try await api.post("/api/workers", #"{"name": "t-2"}"#).decode(RegisterWorkerResponse.self)
            try await expect(
                "revokeTendril", api.call(.delete, "/api/workers/\(other.workerId)", nil), recorded: .revokeTendril)

            try await expect(
                "updateTendril", api.call(.patch, "/api/workers/\(worker)", #"{"vineyards": []}"#),
                recorded: .updateTendril)
            let grant = try await api.post(
                "/api/grants", #"{"principal": "user:ben", "role": "viewer", "scope": "installation"}"#)
            try await expect("createGrant", grant, recorded: .createGrant)
            let granted = try grant.decode(GrantResponse.self).id
            try await expect(
                "revokeGrant", api.call(.delete, "/api/grants/\(granted)", nil), recorded: .revokeGrant)
            try await expect("createTeam", api.post("/api/teams", #"{"name": "web"}"#), recorded: .createTeam)
            try await expect(
                "updateTeam", api.call(.patch, "/api/teams/web", #"{"members": ["ben"]}"#), recorded: .updateTeam)
            try await expect("deleteTeam", api.call(.delete, "/api/teams/web", nil), recorded: .deleteTeam)
            let vineyard = try await api.post("/api/vineyards", #"{"name": "east"}"#)
            try await expect("createVineyard", vineyard, recorded: .createVineyard)
            let place = "/api/vineyards/\(try vineyard.decode(VineyardResponse.self).id)"
            try await expect(
                "renameVineyard", api.call(.patch, place, #"{"name": "west"}"#), recorded: .renameVineyard)
            try await expect("deleteVineyard", api.call(.delete, place, nil), recorded: .deleteVineyard)

            let invited = try await api.post("/api/users", #"{"name": "cai"}"#)
            try await expect("createUser", invited, recorded: .createUser)
            let person = "/api/users/\(try invited.decode(CreateUserResponse.self).user.id)"
            try await expect("inviteUser", api.post("\(person)/invitation"), recorded: .inviteUser)
            try await expect("disableUser", api.post("\(person)/disable"), recorded: .disableUser)
            try await expect("enableUser", api.post("\(person)/enable"), recorded: .enableUser)
            try await expect("removeUser", api.call(.delete, person, nil), recorded: .removeUser)
            let verifier = String(repeating: "v", count: 43)
            let challenge = Data(SHA256.hash(data: Data(verifier.utf8))).base64URL
            let code = try await api.post(
                "/api/account/login-codes", #"{"challenge": "\#(challenge)", "name": "laptop"}"#)
            try await expect("createLoginCode", code, recorded: .createLink)

            let token = try await api.post("/api/tokens", #"{"name": "ci"}"#)
            try await expect("createToken", token, recorded: .createToken)
            let id = try token.decode(CreateTokenResponse.self).id
            try await expect("revokeToken", api.call(.delete, "/api/tokens/\(id)", nil), recorded: .revokeToken)
            let link = try await api.post("/api/sign-in-links", #"{"user": "dee"}"#)
            try await expect("createSignInLink", link, recorded: .createLink)
            let secret = try #require(link.decode(SignInLinkResponse.self).url.split(separator: "=").last)
            let signedIn = try await api.stranger.post("/sign-in", #"{"link": "\#(secret)"}"#)
            try await expect("signIn", signedIn, recorded: .createSession, by: "dee")
            let session = try #require(signedIn.headers[.setCookie]?.split(separator: ";").first)
            let value = try #require(session.split(separator: "=").last).description
            let page = API(
                client: api.client, token: "",
                headers: [
                    .cookie: String(session),
                    Authentication.csrfHeader: Credentials.csrfToken(forSession: value),
                ])
            try await expect("signOut", page.post("/sign-out"), recorded: .endSession, by: "dee")
            #expect(try await api.post("/api/sign-in-links", #"{"user": "eli"}"#).status == 201)
            let sessions = try await api.get("/api/sessions").decode(ListResponse<SessionResponse>.self).items
            let open = try #require(sessions.first)
            try await expect(
                "revokeSession", api.call(.delete, "/api/sessions/\(open.id)", nil), recorded: .revokeSession)
            let lines = try await api.call(.get, "/api/audit", nil, headers: [.accept: "application/x-ndjson"])
            try await expect("listAuditEvents", lines, recorded: .exportAudit)
            try await expect("exportAuditChain", api.get("/api/audit/chain"), recorded: .exportAudit)
            made.insert("replaceAdminToken")
            let replaced = try await api.post("/api/tokens/replace-admin")
                .decode(ReplaceAdminTokenResponse.self)
            let fresh = API(client: api.client, token: replaced.token)
            #expect(try await events(fresh, "&action=token.replace").map(\.actorName) == ["admin"])
            // What ends several sessions records each of them; a password and a login take a browser.
            made.formUnion(["endOtherSessions", "signOutUser", "setPassword", "redeemLoginCode"])
            #expect(made == Set(AuditedCalls.actions.keys), "\(Set(AuditedCalls.actions.keys).subtracting(made))")
        }
    }

    /// No secret is in any event, whatever it is about.
    @Test func eventsNameSecretsByFingerprint() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let change = """
                {"sensitive_variables": {"db_password": "another-secret-77"}, "variables": {"rows": 5, "size": "xl-1234"}}
                """
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", change).status == 200)
            let reply = try await api.get("/api/audit?action=vine.update")
            let event = try #require(reply.decode(ListResponse<AuditEventResponse>.self).items.first)
            #expect(
                event.changes["fields"]
                    == ["variables.rows", "variables.size", "sensitive_variables.db_password"])
            let fingerprint = event.changes["fingerprints"]?["sensitive_variables.db_password"]?.stringValue
            #expect(fingerprint?.count == 16)
            for secret in ["another-secret-77", "hunter2-hunter2", "xl-1234"] { #expect(!reply.text.contains(secret)) }
            // The same value again changes nothing; the same fingerprint would say so.
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", change).status == 200)
            let again = try await api.get("/api/audit?action=vine.update")
                .decode(ListResponse<AuditEventResponse>.self).items
            #expect(again.count == 2 && again.contains { $0.changes["fields"] == [] })
        }
    }
}
