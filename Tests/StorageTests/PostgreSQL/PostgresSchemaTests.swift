import Crypto
import Domain
import Foundation
import Postgres
import PostgresCluster
import Testing

@testable import Storage
@testable import StoragePostgres

/// Migrations, and the database's own guards.
@Suite struct PostgresSchemaTests {
    private struct Undo: Error {}

    private func run(_ body: (PostgresStore, StoreFixture) async throws -> Void) async throws {
        try await StoreEngine.postgres.run { bench in
            try await body(#require(bench.store as? PostgresStore), bench)
        }
    }

    @Test func anOlderProgramRefusesANewerDatabase() async throws {
        try await run { store, bench in
            try await store.write { db, _ in
                db.run("INSERT INTO schema_migrations (number, name) VALUES (1000, 'from the future')")
            }
            let error = await #expect(throws: StorageError.self) {
                _ = try await bench.engine.open(bench.folder, bench.vault) { _ in }
            }
            #expect(error?.kind == .newer)
            #expect(error?.reason.contains("newer version") == true)
        }
    }

    @Test func nodesThatStartTogetherMigrateOnce() async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let store = try await StoreEngine.postgres.open(folder, vault) { _ in }
                        try await store.check()
                        try await store.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// A migration that fails leaves nothing of itself.
    @Test func aMigrationIsWholeOrNothing() async throws {
        try await run { store, _ in
            let next = PostgresSchema.Migration(
                number: 1000, name: "half", script: ["CREATE TABLE half (id bigint)", "SELECT 1/0"])
            await #expect(throws: PostgresError.self) {
                try await PostgresSchema.migrate(store.pool, migrations: PostgresSchema.migrations + [next])
            }
            let half = try await store.read { db in
                try db.row("SELECT to_regclass('half')::text AS name")?.optionalText("name")
            }
            #expect(half == nil)
            let count = try await store.read { db in
                try db.row("SELECT count(*) AS n FROM schema_migrations")?.int("n")
            }
            #expect(count == PostgresSchema.migrations.count)
        }
    }

    /// Whether the database takes a job like this. Nothing stays of it.
    private func takes(_ record: JobRow, in store: PostgresStore) async throws -> Bool {
        do {
            try await store.write { db, _ in
                try JobWithDocuments(record: record, snapshot: "{}", metadata: "{}").insert(db, secrets: Data())
                throw Undo()
            }
            return false
        } catch let error as StorageError {
            if error.reason == "Undo" { return true }
            guard error.reason.contains("check constraint") else { throw error }
            return false
        }
    }

    /// Every state that can be written down: the CHECKs take those that `isConsistent` takes.
    @Test func checksAgreeWithTheStateMachine() async throws {
        try await run { store, bench in
            let tendril = try await bench.tendril()
            let draft = try await bench.draft(of: bench.vine())
            var taken = 0
            for state in SchemaTests.allStates(worker: tendril.id) {
                var record = try JobRow(draft)
                record.state = state
                record.claimedAt = state.status == .queued ? nil : StoreFixture.at(2)
                record.startedAt = state.engine == .none ? nil : StoreFixture.at(3)
                record.completedAt = state.status.isTerminal ? StoreFixture.at(4) : nil
                let isTaken = try await takes(record, in: store)
                #expect(isTaken == state.isConsistent, "\(state)")
                taken += isTaken ? 1 : 0
            }
            #expect(taken > 10)
        }
    }

    /// Secrets are not readable for whoever can read the database.
    @Test func encryptedValuesAreNotInTheTablesInClear() async throws {
        try await run { store, bench in
            let (variable, state, artifact) = ("variable-s3cret-a81c", "state-s3cret-11d2", "artifact-s3cret-90be")
            let secrets = VineSecrets(variables: ["password": .string(variable)])
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
            let everything = try await store.read { db in
                try ["vines", "provision_job_documents", "plan_artifacts", "vine_state_versions"].flatMap { table in
                    try db.rows(
                        "SELECT coalesce(string_agg(encode(convert_to(t::text, 'UTF8'), 'escape'), ''), '') AS all "
                            + "FROM \(table) AS t"
                    ) { try $0.text("all") }
                }
            }.joined()
            #expect(everything.contains("visible-4be1"))
            for secret in [variable, state, artifact] {
                let hex = secret.utf8.map { String(format: "%02x", $0) }.joined()
                #expect(!everything.contains(secret) && !everything.contains(hex), "\(secret)")
            }
        }
    }
}
