import Domain
import LiveFeed
import NIOCore
import Synchronization
import Testing

/// A log in memory that rings when it grows.
final class MemoryLog: FollowedLog {
    struct State {
        var job: Job
        var chunks: [LogChunk] = []
    }

    let state: Mutex<State>
    let bell = FeedBell()
    let id: JobID

    init() {
        let id = JobID(randomBytes: [UInt8](repeating: 7, count: 16))
        let vine = VineID(randomBytes: [UInt8](repeating: 8, count: 16))
        let settings = VineSettings(projectName: "p", environmentStage: "s", source: .inline(files: ["main.tf": ""]))
        let job = Job(
            id: id, type: .plan, vine: vine,
            snapshot: Snapshot(vine: vine, revision: 1, settings: settings, digest: "d"), createdBy: "ana",
            createdAt: Timestamp(milliseconds: 0))
        self.id = id
        state = Mutex(State(job: job))
    }

    func append(_ text: String) {
        state.withLock { state in
            let seq = Int64(state.chunks.count + 1)
            state.chunks.append(
                LogChunk(
                    id: seq, job: id, epoch: 1, seq: seq, firstLine: seq, lineCount: 1, stream: .stdout, text: text,
                    continued: false, times: LineTimes(), createdAt: Timestamp(milliseconds: 0)))
        }
        bell.ring([.job(id)])
    }

    func end() {
        state.withLock { $0.job.state = JobState(status: .cancelled, log: .complete) }
        bell.ring([.job(id)])
    }

    func followedJob(_ id: JobID) async throws -> Job? { state.withLock { $0.job } }

    func followedChunks(of id: JobID, after: Int64, maxBytes: Int) async throws -> [LogChunk] {
        state.withLock { state in
            var bytes = 0
            return Array(
                state.chunks.filter { $0.seq > after }.prefix { chunk in
                    defer { bytes += chunk.text.utf8.count }
                    return bytes == 0 || bytes + chunk.text.utf8.count <= maxBytes
                })
        }
    }
}

@Suite struct LogFollowerTests {
    @Test func backlogAndLivePartJoinWithoutASeam() async throws {
        let log = MemoryLog()
        for number in 1...1000 { log.append("line \(number)\n") }
        var follower = LogFollower(
            log.id, after: 0, log: log, listener: log.bell.listen(to: [.job(log.id)]), heartbeat: .seconds(60))
        let writer = Task {
            for number in 1001...3000 {
                log.append("line \(number)\n")
                await Task.yield()
            }
            log.end()
        }
        var seen: [Int64] = []
        reading: while true {
            switch try await follower.next() {
            case .chunks(let chunks): seen += chunks.map(\.seq)
            case .job: continue
            case .ended: break reading
            case .idle, .closed: Issue.record("the follower stopped"); break reading
            }
        }
        await writer.value
        #expect(seen == Array(1...3000))
    }

    @Test func itGoesOnAfterAnySeq() async throws {
        let log = MemoryLog()
        for number in 1...10 { log.append("line \(number)\n") }
        var follower = LogFollower(
            log.id, after: 7, log: log, listener: log.bell.listen(to: [.job(log.id)]), heartbeat: .seconds(60))
        guard case .chunks(let chunks) = try await follower.next() else { Issue.record("no chunks"); return }
        #expect(chunks.map(\.seq) == [8, 9, 10])
    }

    @Test func silenceIsSaid() async throws {
        let log = MemoryLog()
        var follower = LogFollower(
            log.id, after: 0, log: log, listener: log.bell.listen(to: [.job(log.id)]), heartbeat: .zero)
        guard case .job = try await follower.next() else { Issue.record("no job"); return }
        guard case .idle = try await follower.next() else { Issue.record("not idle"); return }
    }

    @Test func anEventIsOneBlockWhateverItsData() {
        var buffer = ByteBuffer()
        ServerSentEvent(name: "chunk", id: "7", data: "a\nb").write(to: &buffer)
        #expect(String(buffer: buffer) == "event: chunk\nid: 7\ndata: a\ndata: b\n\n")
    }
}
