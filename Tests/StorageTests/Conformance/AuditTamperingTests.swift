import Domain
import Foundation
import GRDB
import Testing

@testable import Storage
@testable import StoragePostgres
@testable import StorageSQLite

/// What somebody who can write to the database, and does not have the key, changes in the audit log is found.
@Suite struct AuditTamperingTests {
    /// Changes the database beside the store.
    private func execute(_ sql: String, _ bench: StoreFixture) async throws {
        if let store = bench.store as? PostgresStore {
            try await store.write { db, _ in try db.execute(sql) }
        } else {
            let queue = try DatabaseQueue(path: bench.folder.appending(path: "vintner.sqlite").path)
            try await queue.write { db in try db.execute(sql: sql) }
            try queue.close()
        }
    }

    /// The first problem in a log of 9 sealed events in which `sql` changes something.
    private func problem(after sql: [String], on engine: StoreEngine) async throws -> AuditProblem? {
        var found: AuditProblem?
        try await engine.run { bench in
            for second in Int64(1)...9 { try await bench.store.record(AuditTests.event(at: second)) }
            _ = try await bench.store.sealAuditEvents(limit: 100)
            var chain = AuditChain()
            #expect(try await bench.store.checkAuditEvents(&chain, limit: 100))
            for sql in sql { try await execute(sql, bench) }
            _ = try await bench.store.sealAuditEvents(limit: 100)
            var again = AuditChain()
            do {
                _ = try await bench.store.checkAuditEvents(&again, limit: 100)
            } catch let problem as AuditProblem { found = problem }
        }
        return found
    }

    @Test(
        arguments: StoreEngine.all,
        [
            "actor_name = 'mallory'", "outcome = 'DENIED'", "at = at + 1", "ip = NULL", "roles = '[]'",
            "reason = 'line feed'", "changes = '{\"count\":4}'", "changes = 'no json'", "request_id = 'x'",
            "hash = prev_hash", "prev_hash = hash", "resource_name = 'x'", "action = 'job.assign'",
        ]) func anAlteredEventIsFound(_ engine: StoreEngine, _ change: String) async throws
    {
        let found = try await problem(after: ["UPDATE audit_events SET \(change) WHERE number = 4"], on: engine)
        #expect(found?.kind == .altered && found?.number == 4, "\(String(describing: found))")
        #expect(found?.reason.contains("Event 4 ") == true)
    }

    /// Also where the hash was computed again, and those of all events after it.
    @Test(arguments: StoreEngine.all) func aHashThatWasComputedAgainIsFound(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            for second in Int64(1)...6 { try await bench.store.record(AuditTests.event(at: second)) }
            _ = try await bench.store.sealAuditEvents(limit: 100)
            var end = AuditEnd.start
            for record in try await bench.store.sealedRecords(after: 0, limit: 10) {
                var event = record.event
                if end.number == 2 { event.actor.name = "mallory" }
                let seal = AuditChain.seal(event, after: end)
                try await execute(
                    """
                    UPDATE audit_events SET actor_name = '\(event.actor.name)', hash = '\(seal.hash)',
                    prev_hash = '\(seal.previousHash)' WHERE number = \(seal.number)
                    """, bench)
                end = AuditEnd(number: seal.number, hash: seal.hash)
            }
            try await execute("UPDATE audit_chain SET head_hash = '\(end.hash)'", bench)
            // The hashes are in order: without the key, nothing is to be seen.
            var lines = AuditChain()
            for record in try await bench.store.sealedRecords(after: 0, limit: 10) {
                try lines.check(line: record.line.dropLast())
            }
            var chain = AuditChain()
            await #expect(throws: AuditProblem.self) {
                _ = try await bench.store.checkAuditEvents(&chain, limit: 100)
            }
        }
    }

    @Test(arguments: StoreEngine.all, [Int64(1), 5, 8]) func aRemovedEventIsFound(
        _ engine: StoreEngine, _ number: Int64
    ) async throws {
        let found = try await problem(after: ["DELETE FROM audit_events WHERE number = \(number)"], on: engine)
        #expect(found?.kind == .missing && found?.number == number, "\(String(describing: found))")
    }

    @Test(arguments: StoreEngine.all) func aRemovedEventIsFoundEvenIfTheRestIsNumberedAgain(
        _ engine: StoreEngine
    ) async throws {
        var sql = ["DELETE FROM audit_events WHERE number = 5"]
        sql += (6...9).map { "UPDATE audit_events SET number = \($0 - 1) WHERE number = \($0)" }
        let found = try await problem(after: sql, on: engine)
        #expect(found?.kind == .altered && found?.number == 5, "\(String(describing: found))")
    }

    @Test(arguments: StoreEngine.all) func aRemovedTailIsFound(_ engine: StoreEngine) async throws {
        let found = try await problem(after: ["DELETE FROM audit_events WHERE number >= 8"], on: engine)
        #expect(found?.kind == .missing && found?.number == 8, "\(String(describing: found))")
    }

    /// Only a head that is kept elsewhere shows that a whole older database was put in place.
    @Test(arguments: StoreEngine.all) func aHeadThatWasKeptFindsATailThatWasRemovedWithItsHead(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            try await bench.store.record(AuditTests.event())
            _ = try await bench.store.sealAuditEvents(limit: 100)
            var chain = AuditChain()
            #expect(try await bench.store.checkAuditEvents(&chain, limit: 100))
            try await execute("DELETE FROM audit_events", bench)
            try await execute("DELETE FROM audit_chain", bench)
            var again = AuditChain()
            #expect(try await bench.store.checkAuditEvents(&again, limit: 100))
            #expect(throws: AuditProblem.self) { try again.finish(at: chain.end) }
            // Whoever has read the end before sees it, too.
            await #expect(throws: AuditProblem.self) {
                _ = try await bench.store.checkAuditEvents(&chain, limit: 100)
            }
        }
    }

    private static let columns = """
        id, at, actor_kind, actor_name, roles, action, outcome, changes, mac
        """
    private static let id = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"

    /// One that waits to be sealed is sealed, and stays recognizable.
    @Test(arguments: StoreEngine.all) func anEventInsertedAtTheEndIsFound(_ engine: StoreEngine) async throws {
        let found = try await problem(
            after: [
                """
                INSERT INTO audit_events (\(Self.columns))
                SELECT '\(Self.id)', at, actor_kind, 'ben', roles, action, outcome, changes, mac
                FROM audit_events WHERE number = 3
                """
            ], on: engine)
        #expect(found?.kind == .inserted && found?.number == 10, "\(String(describing: found))")
    }

    @Test(arguments: StoreEngine.all) func anEventInsertedInBetweenIsFound(_ engine: StoreEngine) async throws {
        var sql = (0...4).map { "UPDATE audit_events SET number = \(10 - $0) WHERE number = \(9 - $0)" }
        sql.append(
            """
            INSERT INTO audit_events (\(Self.columns), number, prev_hash, hash)
            SELECT '\(Self.id)', at, actor_kind, 'ben', roles, action, outcome, changes, mac, 5, hash, prev_hash
            FROM audit_events WHERE number = 4
            """)
        let found = try await problem(after: sql, on: engine)
        #expect(found?.number == 5, "\(String(describing: found))")
    }

    @Test(arguments: StoreEngine.all) func aMovedBeginningIsFound(_ engine: StoreEngine) async throws {
        let found = try await problem(
            after: [
                "DELETE FROM audit_events WHERE number <= 2",
                """
                UPDATE audit_chain SET base_number = 2,
                base_hash = (SELECT prev_hash FROM audit_events WHERE number = 3)
                """,
            ], on: engine)
        #expect(found?.reason.contains("ends of the chain") == true, "\(String(describing: found))")
    }
}
