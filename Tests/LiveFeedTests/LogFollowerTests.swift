import Domain
import LiveFeed
import NIOCore
import Testing

@Suite struct LogFollowerTests {
    private func follow(
        _ source: MemorySource, in hub: LogFeeds, after: Int64 = 0, heartbeat: Duration = .seconds(60)
    ) async throws -> LogFollower {
        try await LogFollower(
            source.id, after: after, in: hub, jobs: source, bell: source.bell, heartbeat: heartbeat)
    }

    @Test func joinsBacklogAndLiveRowsWithoutGap() async throws {
        let source = MemorySource()
        let hub = LogFeeds(source: source)
        source.append(1000)
        var follower = try await follow(source, in: hub)
        let writer = Task {
            for _ in 0..<2000 {
                source.append(telling: hub)
                await Task.yield()
            }
            source.end()
        }
        var seen: [Int64] = []
        reading: while true {
            switch try await follower.next() {
            case .rows(let rows): seen += rows.map(\.position)
            case .job: continue
            case .ended: break reading
            case .idle, .closed: Issue.record("the follower stopped"); break reading
            }
        }
        await writer.value
        #expect(seen == Array(1...3000))
    }

    @Test func resumesAfterAnySeq() async throws {
        let source = MemorySource()
        source.append(10)
        var follower = try await follow(source, in: LogFeeds(source: source), after: 7)
        guard case .rows(let rows) = try await follower.next() else { Issue.record("no rows"); return }
        #expect(rows.map(\.position) == [8, 9, 10])
    }

    /// The store shows a commit before it tells of it: the end must not be said before its last rows.
    @Test func endWaitsForUnannouncedRows() async throws {
        let source = MemorySource()
        var follower = try await follow(source, in: LogFeeds(source: source))
        guard case .job = try await follower.next() else { Issue.record("no job"); return }
        source.append(3)
        source.end()
        guard case .rows(let rows) = try await follower.next() else { Issue.record("no rows"); return }
        #expect(rows.map(\.position) == [1, 2, 3])
        guard case .job = try await follower.next() else { Issue.record("no job"); return }
        guard case .ended = try await follower.next() else { Issue.record("no end"); return }
    }

    @Test func reportsIdle() async throws {
        let source = MemorySource()
        var follower = try await follow(source, in: LogFeeds(source: source), heartbeat: .zero)
        guard case .job = try await follower.next() else { Issue.record("no job"); return }
        guard case .idle = try await follower.next() else { Issue.record("not idle"); return }
    }

    @Test func closesOnShutdown() async throws {
        let source = MemorySource()
        var follower = try await follow(source, in: LogFeeds(source: source))
        guard case .job = try await follower.next() else { Issue.record("no job"); return }
        source.bell.close()
        guard case .closed = try await follower.next() else { Issue.record("not closed"); return }
    }

    @Test func anEventIsOneBlockWhateverItsData() {
        var buffer = ByteBuffer()
        ServerSentEvent(name: "chunk", id: "7", data: "a\nb").write(to: &buffer)
        #expect(String(buffer: buffer) == "event: chunk\nid: 7\ndata: a\ndata: b\n\n")
        #expect(
            String(buffer: MemorySource.row(7, bytes: 1).frame(.event))
                == "event: chunk\nid: 7\ndata: {\"seq\":7,\"stream_type\":\"STDOUT\",\"log_chunk\":\"x\"}\n\n")
    }
}
