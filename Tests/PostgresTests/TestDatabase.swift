import Foundation
import Postgres
import PostgresCluster

/// A database of a test's own, and a pool for it.
struct TestDatabase: Sendable {
    let cluster: PostgresCluster
    let address: String
    let pool: PostgresPool

    /// The database's name.
    var name: String { String(address.split(separator: "=").last ?? "") }

    static func with(
        on cluster: PostgresCluster? = nil, through socketFolder: (PostgresCluster) throws -> URL? = { _ in nil },
        change: (inout PostgresSettings) -> Void = { _ in }, _ body: (TestDatabase) async throws -> Void
    ) async throws {
        let cluster = try cluster ?? PostgresCluster.shared.get()
        let address = try cluster.createDatabase()
        let name = String(address.split(separator: "=").last ?? "")
        let tables = CommitKeys.schema + ["CREATE TABLE notes (id bigint PRIMARY KEY, text text)"]
        for statement in tables { try cluster.execute(statement, in: name) }
        var settings = PostgresSettings(address: cluster.address(of: name, socketFolder: try socketFolder(cluster)))
        settings.maxConnections = 4
        change(&settings)
        let database = TestDatabase(cluster: cluster, address: address, pool: PostgresPool(settings))
        do {
            try await body(database)
        } catch {
            await database.pool.close()
            cluster.dropDatabase(at: address)
            throw error
        }
        await database.pool.close()
        cluster.dropDatabase(at: address)
    }

    func add(_ id: Int, _ text: String) async throws {
        try await pool.write { connection in
            connection.run("INSERT INTO notes VALUES ($1, $2)", [.int(Int64(id)), .text(text)])
        }
    }

    func notes() async throws -> [String] {
        try await pool.read { connection in
            try connection.query("SELECT text FROM notes ORDER BY id", []).map { try $0.optionalText("text") ?? "" }
        }
    }

    /// Waits until a query on the server, on a connection of its own, says `t`.
    func untilTrue(_ sql: String) async throws {
        for _ in 0..<1500 {
            if try cluster.execute(sql, in: name) == true { return }
            await Task.yield()
        }
        throw CocoaError(.userCancelled)
    }
}
