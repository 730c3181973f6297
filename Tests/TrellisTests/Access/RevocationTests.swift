import Domain
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// Access that is taken away.
@Suite struct RevocationTests {
    private func session(_ api: API, user: String) async throws -> String {
        let url =
            try await api.post("/api/sign-in-links", #"{"user": "\#(user)"}"#).decode([String: String].self)["url"]
            ?? ""
        let reply = try await api.stranger.post(
            "/sign-in", #"{"link": "\#(url.split(separator: "=").last ?? "")"}"#)
        return String((reply.headers[.setCookie] ?? "").prefix { $0 != ";" })
    }

    private func sees(_ api: API, cookie: String) async throws -> Bool {
        try await api.stranger.call(.get, "/api/jobs", headers: [.cookie: cookie]).status == 200
    }

    @Test func tokensAreListedWithoutTheirSecretsAndRevoked() async throws {
        try await TrellisHarness.run { _, api async throws in
            let made = try await api.post("/api/tokens", #"{"name": "ci"}"#)
            #expect(made.status == 201)
            let token = try made.decode(CreateTokenResponse.self)
            let ci = API(client: api.client, token: token.token)
            #expect(try await ci.get("/api/jobs").status == 200)
            #expect(try await api.post("/api/tokens", #"{"name": "ci"}"#).status == 409)
            for name in ["", String(repeating: "x", count: 65), "a\\nb", "a\\u202eb"] {
                #expect(try await api.post("/api/tokens", #"{"name": "\#(name)"}"#).status == 400, "\(name)")
            }
            let list = try await api.get("/api/tokens")
            #expect(!list.text.contains("vnt_"))
            let records = try list.decode(ListResponse<TokenResponse>.self).items
            #expect(records.map(\.name) == ["admin", "ci"] && records[1].id == token.id)
            #expect(try await api.call(.delete, "/api/tokens/\(records[0].id)").status == 409)
            #expect(try await api.call(.delete, "/api/tokens/00000000000000000000000000000000").status == 404)
            #expect(try await api.call(.delete, "/api/tokens/\(token.id)").status == 204)
            #expect(try await ci.get("/api/jobs").status == 401)
            #expect(try await api.call(.delete, "/api/tokens/\(token.id)").status == 404)
        }
    }

    @Test func sessionsAndLinksAreListedAndRevoked() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let ana = try await session(api, user: "ana")
            let ben = try await session(api, user: "ben")
            _ = try await api.post("/api/sign-in-links", #"{"user": "eve"}"#)
            let list = try await api.get("/api/sessions")
            #expect(!list.text.contains("vns_") && !list.text.contains("vnl_"))
            let records = try list.decode(ListResponse<SessionResponse>.self).items
            #expect(Set(records.map { "\($0.kind) \($0.user)" }) == ["session ana", "session ben", "link eve"])
            for record in records where record.user != "ben" {
                #expect(try await api.call(.delete, "/api/sessions/\(record.id)").status == 204)
                #expect(try await api.call(.delete, "/api/sessions/\(record.id)").status == 404)
            }
            #expect(try await !sees(api, cookie: ana))
            #expect(try await sees(api, cookie: ben))
            harness.clock.advance(seconds: 13 * 3600)
            #expect(try await api.get("/api/sessions").decode(ListResponse<SessionResponse>.self).items.isEmpty)
        }
    }

    @Test(arguments: [false, true]) func theAdminTokenIsReplacedWithWhatHungOnIt(keepsTokens: Bool) async throws {
        try await TrellisHarness.run { harness, api async throws in
            let tendril = try await api.makeTendril()
            let ci = API(
                client: api.client,
                token: try await api.post("/api/tokens", #"{"name": "ci"}"#).decode(CreateTokenResponse.self).token)
            let cookie = try await session(api, user: "ana")
            _ = try await api.post("/api/sign-in-links")
            let reply = try await api.post("/api/tokens/replace-admin", #"{"keep_tokens": \#(keepsTokens)}"#)
            let replaced = try reply.decode(ReplaceAdminTokenResponse.self)
            #expect(replaced.endedSessions == 1 && replaced.endedLinks == 1)
            #expect(replaced.revokedTokens == (keepsTokens ? 0 : 1))
            #expect(try await api.get("/api/jobs").status == 401)
            #expect(try await !sees(api, cookie: cookie))
            #expect(try await ci.get("/api/jobs").status == (keepsTokens ? 200 : 401))
            let new = API(client: api.client, token: replaced.token)
            #expect(try await new.get("/api/jobs").status == 200)
            #expect(try DataFolder(harness.folder).readSecret("admin.token") == replaced.token)
            let file = harness.folder + "/admin.token"
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            // Tendrils are no users.
            #expect(try await tendril.beat().status == 200)
        }
    }

    @Test func aTendrilIsRevokedOnceItHoldsNothing() async throws {
        try await TrellisHarness.run { _, api async throws in
            let worker = try await api.post("/api/workers", #"{"name": "rose"}"#).decode(RegisterWorkerResponse.self)
            let rose = try api.tendril(worker)
            #expect(try await rose.beat().status == 200)
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let order = try await rose.claim()
            let path = "/api/workers/\(worker.workerId)"
            let held = try await api.call(.delete, path)
            #expect(held.status == 409 && held.error?.contains("rose holds job \(job.id.short)") == true)
            try await rose.finishPlan(order)
            #expect(try await rose.call(.delete, path).status == 403)
            #expect(try await api.call(.delete, path).status == 204)
            #expect(try await api.call(.delete, path).status == 204)
            #expect(try await rose.beat().status == 401)
            #expect(try await api.get("/api/workers").decode(ListResponse<WorkerResponse>.self).items.isEmpty)
            let old = try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self)
            #expect(old.workerName?.hasPrefix("rose (revoked") == true)
            // The name is free again, and the new one is told where others run.
            let other = try await api.makeTendril("fern")
            let again = try await api.post("/api/workers", #"{"name": "rose"}"#).decode(RegisterWorkerResponse.self)
            #expect(again.workerId != worker.workerId && again.runRoots == ["/run"])
            #expect(try await other.beat().decode(HeartbeatResponse.self).otherRunRoots == [])
            #expect(try await api.call(.delete, "/api/workers/\(AuthorizationTests.id)").status == 404)
        }
    }

    // MARK: - The data folder

    @Test func theDataFolderIsForItsOwnerAlone() throws {
        let path = FileManager.default.temporaryDirectory.path + "/trellis-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func mode() throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        for before in [nil, 0o755, 0o777, 0o700] as [Int?] {
            try? FileManager.default.removeItem(atPath: path)
            if let before {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: before])
            }
            _ = try DataFolder(path)
            #expect(try mode() == 0o700)
        }
    }

    @Test func aSecondTrellisIsRefused() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/trellis-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func start(_ folder: String, database: String) async throws -> TrellisApplication {
            try await TrellisApplication(
                TrellisConfiguration(database: "sqlite:" + database, dataFolder: folder), logger: TrellisHarness.quiet)
        }
        var first: TrellisApplication? = try await start(path + "/a", database: path + "/a/db")
        // The same folder with another database, and another folder with the same database.
        for (folder, database) in [("/a", "/a/db"), ("/a", "/a/other"), ("/b", "/a/db")] {
            let error = await #expect(throws: DataFolderError.self) {
                _ = try await start(path + folder, database: path + database)
            }
            #expect(error?.description.contains("another Trellis uses \(path)/a") == true, "\(folder) \(database)")
        }
        withExtendedLifetime(first) {}
        first = nil
        _ = try await start(path + "/a", database: path + "/a/db")
    }

    @Test func aServerThatFailsReleasesItsFolder() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/trellis-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Nobody may listen on an address of the documentation (RFC 5737).
        let configuration = TrellisConfiguration(
            host: "192.0.2.1", publicURL: "https://vintner.example.com", database: "sqlite:\(path)/db",
            dataFolder: path)
        let first = try await TrellisApplication(configuration, logger: TrellisHarness.quiet)
        await #expect(throws: (any Error).self) { try await first.run() }
        _ = try await TrellisApplication(configuration, logger: TrellisHarness.quiet)
        withExtendedLifetime(first) {}
    }

    @Test func aRemovedAdminTokenIsMadeAgainAndEndsWhatHungOnTheOldOne() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/trellis-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let configuration = TrellisConfiguration(database: "sqlite:\(path)/db", dataFolder: path)
        _ = try await TrellisApplication(configuration, logger: TrellisHarness.quiet)
        let old = try DataFolder(path).readSecret("admin.token")
        try FileManager.default.removeItem(atPath: path + "/admin.token")
        _ = try await TrellisApplication(configuration, logger: TrellisHarness.quiet)
        let new = try DataFolder(path).readSecret("admin.token")
        #expect(new != nil && new != old)
    }
}
