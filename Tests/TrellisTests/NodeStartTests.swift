import Crypto
import Domain
import Foundation
import LiveFeed
import Storage
import Testing

@testable import Trellis

/// What a node does at its start that a Trellis which is alone does not, and how it stops.
@Suite struct NodeStartTests {
    /// The admin token as a node with its own data folder prepares it.
    private func prepare(_ harness: TrellisHarness, isShared: Bool, folder: DataFolder) async throws -> String? {
        let ambient = harness.parts.ambient
        try await AdminToken(
            folder: folder, store: harness.store, credentials: Credentials(ambient: ambient), ambient: ambient,
            logger: TrellisHarness.quiet
        ).prepare(isShared: isShared)
        return try folder.readSecret("admin.token")
    }

    private func works(_ token: String?, in harness: TrellisHarness) async throws -> Bool {
        guard let token else { return false }
        return try await harness.store.account(ofToken: Credentials.hash(token), at: harness.clock.now) != nil
    }

    private func newFolder() throws -> DataFolder {
        try DataFolder(FileManager.default.temporaryDirectory.path + "/node-\(UUID().uuidString)")
    }

    @Test func aSecondNodeLeavesTheAdminTokenAsItIs() async throws {
        let harness = try await TrellisHarness.make()
        let second = try newFolder()
        defer { try? FileManager.default.removeItem(atPath: second.path) }
        #expect(try await prepare(harness, isShared: true, folder: second) == nil, "nothing is made")
        #expect(try await works(harness.token, in: harness))
        // An old file does not come back to life.
        try second.writeSecret("an-old-token", to: "admin.token")
        #expect(try await prepare(harness, isShared: true, folder: second) == "an-old-token")
        #expect(try await works(harness.token, in: harness))
        #expect(try await !works("an-old-token", in: harness))
        // A Trellis that is alone takes what is in its folder.
        _ = try await prepare(harness, isShared: false, folder: second)
        #expect(try await works("an-old-token", in: harness))
        try await harness.store.close()
    }

    @Test func theFirstNodeMakesTheAdminToken() async throws {
        let harness = try await TrellisHarness.make()
        let first = try newFolder()
        defer { try? FileManager.default.removeItem(atPath: first.path) }
        let entry = try #require(try await harness.store.tokens(of: nil).first)
        _ = try await harness.store.revokeAccess(entry.id)
        let token = try await prepare(harness, isShared: true, folder: first)
        #expect(try await works(token, in: harness))
        try await harness.store.close()
    }

    @Test func theSharedKeyIsReadAndNeverMade() throws {
        let folder = try newFolder()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let path = folder.file("shared.key")
        let missing = #expect(throws: DataFolderError.self) { try folder.vault(.system, shared: path) }
        #expect(missing?.description.contains("openssl rand -base64 32") == true)
        #expect(!FileManager.default.fileExists(atPath: path))
        try folder.writeSecret("too short", to: "shared.key")
        #expect(throws: DataFolderError.self) { try folder.vault(.system, shared: path) }
        try folder.writeSecret(Data(repeating: 3, count: 32).base64EncodedString(), to: "shared.key")
        let bytes = Data("text".utf8)
        let encrypted = try folder.vault(.system, shared: path).encrypt(bytes, for: .store)
        let same = Vault(key: SymmetricKey(data: Data(repeating: 3, count: 32)))
        #expect(try same.decrypt(encrypted, for: .store) == bytes)
        #expect(!FileManager.default.fileExists(atPath: folder.file("secret.key")))
    }

    @Test func aServerThatStopsSaysSoFirst() async throws {
        try await TrellisHarness.run { harness, api in
            #expect(try await api.get("/readyz").status == 200)
            harness.parts.drain.begin()
            let reply = try await api.get("/readyz")
            #expect(reply.status == 503 && reply.text == "stopping\n")
            #expect(try await api.get("/healthz").status == 200)
            #expect(try await api.get("/api/jobs").status == 200)
        }
    }

    @Test func missedChangesWakeEverybodyAndRestartRows() async throws {
        let harness = try await TrellisHarness.make()
        let feeds = harness.parts.feeds
        let listener = feeds.bell.listen(to: [.job(harness.parts.ambient.makeID())])
        let reader = feeds.rows.follow {}
        guard case .atHead = reader.next(bound: 1000) else {
            Issue.record("there is nothing yet")
            return
        }
        feeds.changed([.everything])
        #expect(listener.takeNotification())
        guard case .overrun = reader.next(bound: 1000) else {
            Issue.record("the reader does not know that it missed something")
            return
        }
        listener.cancel()
        try await harness.store.close()
    }
}
