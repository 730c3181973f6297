import Domain
import Foundation
import Synchronization
import Testing
import Wire

@testable import vintner

@Suite struct JobFollowerTests {
    /// Sends the same events at each connection.
    final class FakeSource: LogEventSource {
        let url = "http://server"
        private let events: [EventStreamParser.Event]
        private let count = Mutex(0)

        init(_ events: [EventStreamParser.Event]) { self.events = events }

        var connections: Int { count.withLock { $0 } }

        func logEvents(
            of job: JobID, after: Int64, _ receive: (EventStreamParser.Event) async throws -> Void
        ) async throws {
            count.withLock { $0 += 1 }
            for event in events { try await receive(event) }
        }
    }

    private func follower(_ source: FakeSource) throws -> JobFollower {
        let id = try #require(JobID("5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904"))
        return JobFollower(source: source, id: id, keepsANSI: false)
    }

    @Test func returnsTheStatusAtTheEnd() async throws {
        let end = EventStreamParser.Event(name: "end", data: #"{"status": "SUCCESS"}"#)
        #expect(try await follower(FakeSource([end])).follow().status == .success)
    }

    /// It is not a cut connection: to try again for three minutes would not help.
    @Test(arguments: ["chunk", "end"]) func aMalformedEventFailsAtOnce(name: String) async throws {
        let source = FakeSource([.init(name: name, data: #"{"status": "SHRUG"}"#)])
        let failure = await #expect(throws: CommandFailure.self) { _ = try await follower(source).follow() }
        #expect(failure?.description.contains("malformed") == true)
        #expect(source.connections == 1)
    }
}

@Suite struct VineFolderTests {
    @Test func aSettingsFileThatCannotBeReadIsNotAnEmptyOne() throws {
        let ground = try Ground()
        try ground.write("", to: "main.tf")
        _ = try VineFolder(ground.path)
        try ground.link("vine.json", to: "elsewhere.json")
        let failure = #expect(throws: CommandFailure.self) { _ = try VineFolder(ground.path) }
        #expect(failure?.description.contains("vine.json can't be read") == true)
    }
}
