import Crypto
import Domain
import Foundation
import GRDB
import Postgres
import PostgresCluster
import Testing

@testable import Storage
@testable import StoragePostgres
@testable import StorageSQLite

/// Data from before there were people and rights: the tables of that version are filled from a store of today.
@Suite struct EarlierDataTests {
    private static let tokens = [Data(repeating: 1, count: 32), Data(repeating: 2, count: 32)]
    private static let session = Data(repeating: 3, count: 32)

    /// Makes a vine, a job, tokens and a session, moves them to a database of the earlier version, and opens that.
    private func run(
        _ engine: StoreEngine, downgrade: (StoreFixture) async throws -> any Store
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine(project: "shop")
            let job = try await bench.job(of: vine)
            for (hash, name) in zip(Self.tokens, ["admin", "ci"]) {
                try await bench.store.setToken(hash: hash, name: name, at: StoreFixture.at(1))
            }
            try await bench.store.createSession(.of("ana", hash: Self.session, until: StoreFixture.at(900)))
            let store = try await downgrade(bench)
            do {
                #expect(try await store.vine(vine.id)?.title == vine.title)
                #expect(try await store.vineyard(of: vine.id) == Vineyard.defaultID)
                #expect(try await store.vineyards().map(\.name) == ["default"])
                #expect(try await store.job(job.id)?.snapshot == job.snapshot)
                let place = try await store.vine(of: job.id)
                #expect(place?.vine == vine.id && place?.vineyard == Vineyard.defaultID)
                // Both tokens are the administrator's, and whoever was signed in stays an administrator.
                for hash in Self.tokens {
                    #expect(try await store.account(ofToken: hash, at: StoreFixture.at(2))?.name == "admin")
                }
                #expect(try await store.tokens(of: "admin").map(\.name) == ["admin", "ci"])
                #expect(try await store.account(ofSession: Self.session, at: StoreFixture.at(2))?.name == "ana")
                for name in ["admin", "ana"] {
                    let rights = try await store.rights(of: Account(name: name))
                    #expect(rights.allows(.jobsApply, on: .vine(vine.id, in: Vineyard.defaultID)), "\(name)")
                    #expect(rights.allows(.usersManage, on: .installation), "\(name)")
                }
            } catch {
                try? await store.close()
                throw error
            }
            try await store.close()
        }
    }

    @Test func onSQLiteItLandsInTheDefaultVineyard() async throws {
        try await run(.sqlite) { bench in
            let path = bench.folder.appending(path: "earlier.sqlite").path
            let queue = try DatabaseQueue(path: path)
            try SQLiteSchema.migrator.migrate(queue, upTo: "16 last changes of resources")
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA foreign_keys = OFF")
                try db.execute(
                    sql: "ATTACH ? AS current", arguments: [bench.folder.appending(path: "vintner.sqlite").path])
                let names = try String.fetchAll(
                    db,
                    sql: """
                        SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                        AND name NOT LIKE 'grdb%'
                        """)
                for name in names {
                    func columns(_ schema: String) throws -> [String] {
                        try String.fetchAll(
                            db, sql: "SELECT name FROM pragma_table_xinfo(?, ?) WHERE hidden = 0",
                            arguments: [name, schema])
                    }
                    let current = Set(try columns("current"))
                    let list = try columns("main").filter(current.contains).joined(separator: ", ")
                    try db.execute(
                        sql: "INSERT OR REPLACE INTO main.\(name) (\(list)) SELECT \(list) FROM current.\(name)")
                }
                try db.execute(sql: "DETACH current")
            }
            try queue.close()
            return try await SQLiteStore.open(path: path, vault: bench.vault) { _ in }
        }
    }

    @Test func onPostgreSQLItLandsInTheDefaultVineyard() async throws {
        try await run(.postgres) { bench in
            let address = try PostgresCluster.shared.get().createSchema()
            func schema(_ address: String) -> Substring { address.split(separator: "=").last ?? "" }
            let (earlier, current) = (schema(address), schema(try PostgresSchemas.address(for: bench.folder)))
            var settings = PostgresSettings(address: address)
            settings.maxConnections = 4
            let pool = PostgresPool(settings)
            let migrations = PostgresSchema.migrations.filter { $0.number <= 3 }
            try await PostgresSchema.migrate(pool, migrations: migrations)
            try await pool.write { [earlier = String(earlier), current = String(current)] db in
                // Rows come in the order of the tables' names.
                db.run("SET LOCAL session_replication_role = replica")
                let rows = try db.rows(
                    """
                    SELECT e.table_name AS name, string_agg(quote_ident(e.column_name), ', ') AS list
                    FROM information_schema.columns AS e JOIN information_schema.columns AS c
                        ON c.table_name = e.table_name AND c.column_name = e.column_name
                    WHERE e.table_schema = $1 AND c.table_schema = $2 AND e.is_generated = 'NEVER'
                        AND e.table_name <> 'schema_migrations'
                    GROUP BY e.table_name
                    """, earlier, current
                ) { row in (name: try row.text("name"), list: try row.text("list")) }
                for (name, list) in rows {
                    db.run("DELETE FROM \(earlier).\(name)")
                    db.run(
                        "INSERT INTO \(earlier).\(name) (\(list)) OVERRIDING SYSTEM VALUE SELECT \(list) FROM \(current).\(name)"
                    )
                }
                try db.query("SELECT 1", [])
            }
            await pool.close()
            return try await PostgresStore.open(settings, vault: bench.vault) { _ in }
        }
    }
}
