import Foundation
import PostgresCluster
import Testing

@testable import Postgres

/// Statements, errors and limits on one connection.
@Suite struct ConnectionTests {
    @Test func anErrorNamesItsCodeAndConstraint() async throws {
        try await TestDatabase.with { database in
            try await database.add(1, "one")
            let error = await #expect(throws: PostgresError.self) { try await database.add(1, "again") }
            #expect(error?.kind == .server && error?.sqlState == PostgresError.SQLState.uniqueViolation)
            #expect(error?.constraint == "notes_pkey")
            #expect(error?.message.contains("again") == false)
            try await database.add(2, "two")
            #expect(try await database.notes() == ["one", "two"])
        }
    }

    @Test func queuedStatementsTravelWithTheNext() async throws {
        try await TestDatabase.with { database in
            let count = try await database.pool.write { connection in
                for id in 1...50 { connection.run("INSERT INTO notes VALUES ($1, $2)", [.int(Int64(id)), .text("x")]) }
                return try connection.query("SELECT count(*) AS n FROM notes", []).first?.optionalInteger("n")
            }
            #expect(count == 50)
            let error = await #expect(throws: PostgresError.self) {
                try await database.pool.write { connection in
                    connection.run("INSERT INTO notes VALUES (51, 'kept by nobody')", [])
                    connection.run("INSERT INTO notes VALUES (1, 'twice')", [])
                    connection.run("INSERT INTO notes VALUES (52, 'skipped')", [])
                }
            }
            #expect(error?.sqlState == PostgresError.SQLState.uniqueViolation)
            #expect(try await database.notes().count == 50)
        }
    }

    @Test func aLargeBatchDoesNotBlockItself() async throws {
        try await TestDatabase.with { database in
            let text = String(repeating: "0123456789", count: 10_000)
            let lengths = try await database.pool.read { connection in
                for _ in 0..<40 { connection.run("SELECT $1 AS text", [.text(text)]) }
                return try connection.query("SELECT $1 AS text", [.text(text)])
                    .map { try $0.optionalText("text")?.count }
            }
            #expect(lengths == [100_000])
        }
    }

    @Test func theServerEndsWhatTakesTooLong() async throws {
        try await TestDatabase.with(change: {
            $0.statementTimeout = .milliseconds(100)
            $0.lockTimeout = .milliseconds(50)
        }) { database in
            let error = await #expect(throws: PostgresError.self) {
                _ = try await database.pool.read { try $0.query("SELECT pg_sleep(60)", []).count }
            }
            #expect(error?.sqlState == PostgresError.SQLState.queryCanceled)
            try await database.add(1, "one")
            let locked = await #expect(throws: PostgresError.self) {
                try await database.pool.write { holder in
                    try holder.query("SELECT 1 FROM notes FOR UPDATE", [])
                    let other = try PostgresConnection(database.pool.settings)
                    try other.query("SELECT 1 FROM notes FOR UPDATE", [])
                }
            }
            #expect(locked?.sqlState == PostgresError.SQLState.lockNotAvailable)
        }
    }

    @Test func aChangedTableIsReadAgain() async throws {
        try await TestDatabase.with(change: { $0.maxConnections = 1 }) { database in
            try await database.add(1, "one")
            let all = "SELECT * FROM notes"
            #expect(try await database.pool.read { try $0.query(all, []).count } == 1)
            try database.cluster.execute("ALTER TABLE notes ADD COLUMN more text", in: database.name)
            #expect(try await database.pool.read { try $0.query(all, []).count } == 1)
        }
    }

    @Test func withoutPreparedStatementsEverythingWorks() async throws {
        try await TestDatabase.with(change: { $0.isPooled = true }) { database in
            try await database.add(1, "one")
            try await database.add(2, "two")
            #expect(try await database.notes() == ["one", "two"])
            let prepared = try await database.pool.read {
                try $0.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE name <> ''", []).first?
                    .optionalInteger("n")
            }
            #expect(prepared == 0)
        }
    }

    @Test func aServerThatIsNotThereIsNamed() async throws {
        var settings = PostgresSettings(address: "host=/tmp/no-such-folder dbname=x")
        settings.callTimeout = .seconds(3)
        let pool = PostgresPool(settings)
        let error = await #expect(throws: PostgresError.self) { try await pool.read { _ in } }
        #expect(error?.kind == .connection)
        #expect(error?.message.contains("/tmp/no-such-folder") == true)
        await pool.close()
    }
}
