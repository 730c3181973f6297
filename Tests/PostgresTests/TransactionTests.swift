import Foundation
import PostgresCluster
import Synchronization
import Testing

@testable import Postgres

/// Once and durably, or not at all: whatever happens to the connection.
@Suite struct TransactionTests {
    /// How often a body ran.
    private final class Runs: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        @discardableResult func add() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }

    private static func terminate(_ connection: PostgresConnection, in database: TestDatabase) throws {
        let row = try connection.query("SELECT pg_backend_pid() AS pid", []).first
        let pid = try #require(try row?.optionalInteger("pid"))
        try database.cluster.execute("SELECT pg_terminate_backend(\(pid), 5000)")
    }

    @Test func whatThrowsLeavesNothing() async throws {
        try await TestDatabase.with { database in
            await #expect(throws: CocoaError.self) {
                try await database.pool.write { connection in
                    try connection.query("INSERT INTO notes VALUES (1, 'one')", [])
                    throw CocoaError(.userCancelled)
                }
            }
            let notes = try await database.notes()
            #expect(notes.isEmpty)
        }
    }

    @Test func aReadSeesOneStateAndCannotWrite() async throws {
        try await TestDatabase.with { database in
            let counts = try await database.pool.read { connection in
                try (1...3).map { id in
                    let count = try connection.query("SELECT count(*) AS n FROM notes", []).first?.optionalInteger("n")
                    try database.cluster.execute("INSERT INTO notes VALUES (\(id), 'x')", in: database.name)
                    return count
                }
            }
            #expect(counts == [0, 0, 0])
            await #expect(throws: PostgresError.self) {
                try await database.pool.read { connection in
                    _ = try connection.query("DELETE FROM notes", []).count
                }
            }
            #expect(try await database.notes().count == 3)
        }
    }

    @Test func deadlocksAreRunAgain() async throws {
        try await TestDatabase.with { database in
            try await database.add(1, "0")
            try await database.add(2, "0")
            try database.cluster.execute(
                "ALTER DATABASE \(database.name) SET deadlock_timeout = '20ms'")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<4 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await database.pool.write { connection in
                                let order = caller.isMultiple(of: 2) ? [1, 2] : [2, 1]
                                for id in order {
                                    try connection.query(
                                        "UPDATE notes SET text = (text::int + 1)::text WHERE id = $1",
                                        [.int(Int64(id))])
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.notes() == ["40", "40"])
        }
    }

    @Test func anIdleConnectionMayDie() async throws {
        try await TestDatabase.with { database in
            try await database.add(1, "one")
            try database.cluster.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '\(database.name)'")
            try await database.add(2, "two")
            #expect(try await database.notes() == ["one", "two"])
        }
    }

    @Test func aConnectionMayDieInATransaction() async throws {
        try await TestDatabase.with { database in
            let runs = Runs()
            try await database.pool.write { connection in
                try connection.query("INSERT INTO notes VALUES (1, 'one')", [])
                if runs.add() == 1 { try Self.terminate(connection, in: database) }
                connection.run("INSERT INTO notes VALUES (2, 'two')", [])
                try connection.query("SELECT 1", [])
            }
            #expect(runs.value == 2)
            #expect(try await database.notes() == ["one", "two"])
        }
    }

    @Test(arguments: [SocketProxy.Cut.beforeServer, .afterServer])
    func theAnswerToACommitMayBeLost(_ cut: SocketProxy.Cut) async throws {
        let proxy = Mutex<SocketProxy?>(nil)
        try await TestDatabase.with(
            through: { cluster in
                let made = try SocketProxy(to: cluster.folder, name: cluster.socketName, cut: cut)
                proxy.withLock { $0 = made }
                return made.folder
            },
            { database in
                let runs = Runs()
                let value = try await database.pool.write { connection in
                    connection.run("INSERT INTO notes VALUES (1, 'one')", [])
                    return runs.add()
                }
                #expect(proxy.withLock { $0?.cutCount } == 1)
                // Stored: it must not run again, and its value counts. Not stored: it must.
                #expect(runs.value == (cut == .afterServer ? 1 : 2))
                #expect(value == runs.value)
                #expect(try await database.notes() == ["one"])
            })
        proxy.withLock { $0?.stop() }
    }

    @Test func cancellingTheCallerUndoesNothing() async throws {
        try await TestDatabase.with { database in
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await database.add(1, "one")
            }
            task.cancel()
            try await task.value
            #expect(try await database.notes() == ["one"])
        }
    }

    /// A server process that says nothing, as on a machine that hangs.
    @Test func aFrozenServerIsGivenUp() async throws {
        try await TestDatabase.with(change: {
            $0.exchangeTimeout = .milliseconds(300)
            $0.maxConnections = 1
        }) { database in
            let pid = Mutex<Int64?>(nil)
            let error = await #expect(throws: PostgresError.self) {
                try await database.pool.write { connection in
                    let row = try connection.query("SELECT pg_backend_pid() AS pid", []).first
                    let found = try row?.optionalInteger("pid")
                    pid.withLock { $0 = found }
                    kill(pid_t(found ?? 0), SIGSTOP)
                    connection.run("INSERT INTO notes VALUES (1, 'one')", [])
                    try connection.query("SELECT 1", [])
                }
            }
            #expect(error?.kind == .timeout)
            kill(pid_t(pid.withLock { $0 } ?? 0), SIGCONT)
            try await database.add(1, "one")
            #expect(try await database.notes() == ["one"])
        }
    }

    /// The server crashes and recovers under load: what was acknowledged is there, everything at most once, and no call
    /// fails, because the server is back in time.
    @Test func aServerThatCrashesLosesNothing() async throws {
        let cluster = try PostgresCluster(["max_connections": "50"])
        defer { cluster.stop() }
        try await TestDatabase.with(on: cluster, change: { $0.callTimeout = .seconds(300) }) { database in
            try database.cluster.execute("CREATE TABLE runs (id bigint)", in: database.name)
            let count = 60
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for id in 0..<count {
                            try await database.pool.write { connection in
                                connection.run("INSERT INTO runs VALUES ($1)", [.int(Int64(writer * count + id))])
                            }
                            if writer == 0, id == 10 || id == 30 { cluster.restart() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let stored = try await database.pool.read { connection in
                try connection.query("SELECT id FROM runs ORDER BY id", []).map { try $0.optionalInteger("id") ?? -1 }
            }
            #expect(stored == Array(0..<Int64(4 * count)))
        }
    }

    /// The answer to COMMIT does not come, because the server waits for its standby. The question whether it was stored
    /// is asked until that is decided.
    @Test func aCommitThatHangsIsAskedAbout() async throws {
        let cluster = try PostgresCluster(["synchronous_standby_names": "nobody", "synchronous_commit": "local"])
        defer { cluster.stop() }
        try await TestDatabase.with(
            on: cluster,
            change: {
                $0.exchangeTimeout = .seconds(1)
                $0.lockTimeout = .milliseconds(200)
            }
        ) { database in
            let task = Task { try await database.add(1, "one") }
            let asks =
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() "
                + "AND wait_event_type = 'Lock' AND query LIKE '%commit_keys%'"
            try await database.untilTrue(asks)
            try cluster.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            try cluster.execute("SELECT pg_reload_conf()")
            try await task.value
            #expect(try await database.notes() == ["one"])
        }
    }

    /// PostgreSQL acknowledges a commit whose wait for its standby was cancelled, with no more than a warning.
    @Test func aCancelledWaitForAStandbyIsNoAcknowledgement() async throws {
        let cluster = try PostgresCluster(["synchronous_standby_names": "nobody", "synchronous_commit": "local"])
        defer { cluster.stop() }
        try await TestDatabase.with(on: cluster) { database in
            let task = Task { try await database.add(1, "one") }
            let waits =
                "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'"
            try await database.untilTrue(waits)
            let cancel =
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                + "AND wait_event = 'SyncRep' AND query = 'COMMIT'"
            #expect(try cluster.execute(cancel, in: database.name) == true)
            // Now the question whether it was stored waits for the standby in its place.
            let asks =
                "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() "
                + "AND wait_event = 'SyncRep' AND query LIKE '%commit_keys%'"
            try await database.untilTrue(asks)
            try cluster.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            try cluster.execute("SELECT pg_reload_conf()")
            try await task.value
            #expect(try await database.notes() == ["one"])
        }
    }
}
