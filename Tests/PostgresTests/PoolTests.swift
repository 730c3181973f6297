import Foundation
import Synchronization
import Testing

@testable import Postgres

/// Connections shared by many callers.
@Suite struct PoolTests {
    @Test func noMoreConnectionsThanAllowed() async throws {
        try await TestDatabase.with(change: { $0.maxConnections = 3 }) { database in
            try await withThrowingTaskGroup(of: Int64?.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await database.pool.read {
                            try $0.query("SELECT pg_backend_pid() AS pid", []).first?.optionalInteger("pid")
                        }
                    }
                }
                var pids: Set<Int64?> = []
                for try await pid in group { pids.insert(pid) }
                #expect(pids.count <= 3)
            }
        }
    }

    @Test func aCancelledReadEndsAndItsConnectionLivesOn() async throws {
        try await TestDatabase.with(change: {
            $0.maxConnections = 1
            // The cancel ends it, and nothing else.
            ($0.statementTimeout, $0.exchangeTimeout, $0.callTimeout) = (.seconds(500), .seconds(500), .seconds(500))
        }) { database in
            let task = Task {
                try await database.pool.read { try $0.query("SELECT pg_sleep(600), 'slow' AS mark", []).count }
            }
            let sleeps =
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() "
                + "AND query LIKE '%''slow''%' AND wait_event = 'PgSleep'"
            try await database.untilTrue(sleeps)
            let waiting = Task { try await database.pool.read { _ in } }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            // None of these is hit by the cancel that is over.
            for id in 1...20 { try await database.add(id, "x") }
            #expect(try await database.notes().count == 20)
        }
    }

    @Test func whoWaitsTooLongIsTold() async throws {
        try await TestDatabase.with(change: {
            $0.maxConnections = 1
            $0.callTimeout = .milliseconds(200)
        }) { database in
            let gate = DispatchSemaphore(value: 0)
            let isHeld = Mutex(false)
            let holder = Task {
                // Connecting alone may take longer than a call may.
                while !isHeld.withLock({ $0 }) {
                    try? await database.pool.readOnce { _ in
                        isHeld.withLock { $0 = true }
                        gate.wait()
                    }
                }
            }
            while !isHeld.withLock({ $0 }) { await Task.yield() }
            let error = await #expect(throws: PostgresError.self) { try await database.pool.readOnce { _ in } }
            #expect(error?.kind == .timeout)
            gate.signal()
            await holder.value
        }
    }

    @Test func closingWaitsAndRefuses() async throws {
        try await TestDatabase.with { database in
            let task = Task { try await database.add(1, "one") }
            try await task.value
            await database.pool.close()
            let error = await #expect(throws: PostgresError.self) { try await database.add(2, "two") }
            #expect(error?.kind == .closed)
        }
    }
}
