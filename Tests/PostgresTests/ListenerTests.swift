import Foundation
import Postgres
import PostgresCluster
import Testing

@Suite struct ListenerTests {
    private func listen(
        _ database: TestDatabase
    ) -> (PostgresListener, AsyncStream<PostgresListener.Event>.AsyncIterator) {
        let (events, report) = AsyncStream.makeStream(of: PostgresListener.Event.self)
        let listener = PostgresListener(database.pool.settings, channel: "news") { report.yield($0) }
        listener.start()
        return (listener, events.makeAsyncIterator())
    }

    private func next(_ events: inout AsyncStream<PostgresListener.Event>.AsyncIterator) async -> String {
        switch await events.next() {
        case .connected: "connected"
        case .notification(let text): text
        case .lost: "lost"
        case nil: "ended"
        }
    }

    private func notify(_ text: String, _ database: TestDatabase) async throws {
        try await database.pool.readOnce { _ = try $0.query("SELECT pg_notify('news', $1)", [.text(text)]) }
    }

    @Test func everythingIsHeardOnceConnected() async throws {
        try await TestDatabase.with { database in
            var (listener, events) = listen(database)
            #expect(await next(&events) == "connected")
            for n in 1...20 { try await notify("n\(n)", database) }
            for n in 1...20 { #expect(await next(&events) == "n\(n)") }
            listener.close()
        }
    }

    @Test func aLostConnectionIsReportedAndOpenedAgain() async throws {
        try await TestDatabase.with { database in
            var (listener, events) = listen(database)
            #expect(await next(&events) == "connected")
            try await notify("before", database)
            #expect(await next(&events) == "before")
            try database.cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
                    + "AND datname = current_database()", in: database.name)
            #expect(await next(&events) == "lost")
            #expect(await next(&events) == "connected")
            try await notify("after", database)
            #expect(await next(&events) == "after")
            // A connection that seems deaf is replaced.
            listener.reconnect()
            #expect(await next(&events) == "lost")
            #expect(await next(&events) == "connected")
            listener.close()
        }
    }
}
