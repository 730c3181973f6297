import Crypto
import Domain
import Foundation
import Testing

@testable import Storage
@testable import StorageSQLite

/// What is stored on disk, and how durably.
@Suite struct DurabilityTests {
    private func open(_ folder: URL) async throws -> SQLiteStore {
        try await SQLiteStore.open(
            path: folder.appending(path: "vintner.sqlite").path,
            vault: Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
        ) { _ in }
    }

    @Test func theWriterFlushesEveryCommit() async throws {
        try await TemporaryFolder.with { folder in
            let store = try await open(folder)
            let inForce = try await store.write { db, _ in try Durability(db) }
            #expect(inForce == Durability(journal: "wal", synchronous: 2, foreignKeys: true))
            try await store.close()
        }
    }

    @Test func aDatabaseOfANewerProgramIsRefused() async throws {
        try await TemporaryFolder.with { folder in
            let store = try await open(folder)
            try await store.write { db, _ in
                try db.run("INSERT INTO grdb_migrations VALUES ('2 from the future')")
            }
            try await store.close()
            let error = await #expect(throws: StorageError.self) { _ = try await open(folder) }
            #expect(error?.kind == .newer)
            #expect(error?.reason.contains("newer version") == true)
        }
    }

    @Test func rejectsInvalidDatabaseFile() async throws {
        try await TemporaryFolder.with { folder in
            try Data("this is a letter to my aunt, not a database".utf8)
                .write(to: folder.appending(path: "vintner.sqlite"))
            let error = await #expect(throws: StorageError.self) { _ = try await open(folder) }
            #expect(error?.kind == .corrupt)
            let missing = await #expect(throws: StorageError.self) {
                _ = try await open(folder.appending(path: "no/such/folder"))
            }
            #expect(missing?.kind == .unavailable)
        }
    }

    @Test func onlyItsOwnerReadsTheFile() async throws {
        try await TemporaryFolder.with { folder in
            let store = try await open(folder)
            try await store.check()
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: folder.appending(path: file).path)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(file)")
            }
            try await store.close()
        }
    }

    /// Looks into the bytes of all files for what must not be there, and for what must, as a control.
    @Test func encryptedValuesAreNotInFilesAsPlainText() async throws {
        try await StoreEngine.sqlite.run { bench in
            let (variable, environment) = ("variable-s3cret-a81c", "environment-s3cret-77f0")
            let (state, artifact) = ("state-s3cret-11d2", "artifact-s3cret-90be")
            let secrets = VineSecrets(variables: ["password": .string(variable)], environment: ["TOKEN": environment])
            var vine = try await bench.vine(project: "visible-4be1")
            vine = try await bench.store.updateVine(vine, secrets: secrets)
            let tendril = try await bench.tendril()
            let job = bench.draft(of: vine)
            try await bench.store.createJob(job, secrets: secrets, systemLines: [])
            _ = try await bench.store.claim(by: tendril.id, at: StoreFixture.at(2))
            try await bench.store.saveArtifact(
                Data(artifact.utf8), sha256: Data(artifact.utf8).sha256, of: job.id, epoch: 1, at: StoreFixture.at(3))
            _ = try await bench.store.saveState(
                Data(state.utf8), of: vine.id, position: StatePosition(lineage: "a", serial: 1),
                sha256: Data(state.utf8).sha256, job: nil, lockID: nil, at: StoreFixture.at(3))
            func isInFiles(_ text: String) throws -> Bool {
                try FileManager.default.contentsOfDirectory(at: bench.folder, includingPropertiesForKeys: nil)
                    .contains { try Data(contentsOf: $0).range(of: Data(text.utf8)) != nil }
            }
            #expect(try isInFiles("visible-4be1"))
            for secret in [variable, environment, state, artifact] { #expect(try !isInFiles(secret), "\(secret)") }
        }
    }

    /// An encrypted value can't be moved to another row.
    @Test func encryptedValueIsBoundToItsRow() async throws {
        try await StoreEngine.sqlite.run { bench in
            let store = try #require(bench.store as? SQLiteStore)
            let vine = try await bench.vine()
            let secrets = VineSecrets(environment: ["TOKEN": "t0ken-value"])
            let (mine, other) = (bench.draft(of: vine), bench.draft(of: vine))
            try await store.createJob(mine, secrets: secrets, systemLines: [])
            try await store.createJob(other, secrets: VineSecrets(), systemLines: [])
            try await store.write { db, _ in
                try db.run(
                    """
                    UPDATE provision_job_documents SET secrets =
                        (SELECT secrets FROM provision_job_documents WHERE job_id = ?) WHERE job_id = ?
                    """, mine.id.rawValue, other.id.rawValue)
            }
            let error = await #expect(throws: StorageError.self) { _ = try await store.secrets(of: other.id) }
            #expect(error?.kind == .corrupt)
            #expect(try await store.secrets(of: mine.id) == secrets)
        }
    }
}
