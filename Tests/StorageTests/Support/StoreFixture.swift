import Crypto
import Domain
import Foundation
import Storage

/// A store under test, with helpers for common setups.
struct StoreFixture: Sendable {
    let engine: StoreEngine
    let folder: URL
    let vault: Vault
    let store: any Store
    let seen: RecordedChanges

    static func newID<Noun>(_: Noun.Type = Noun.self) -> Identifier<Noun> { SystemDependencies.system.makeID() }

    static let terraform = Engine(name: .terraform, version: "1.15.5", platform: "linux_amd64")

    /// `seconds` into the test.
    static func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_800_000_000_000 + seconds * 1000) }

    // MARK: - Vines

    static func settings(project: String = "shop", stage: String = "test") -> VineSettings {
        VineSettings(
            projectName: project, environmentStage: stage, variables: ["size": 3],
            source: .inline(files: ["main.tf": "resource \"terraform_data\" \"a\" {}\n"]))
    }

    /// A vine with a name of its own, unless it is given one.
    func vine(project: String? = nil, stage: String = "test", at seconds: Int64 = 0) async throws -> Vine {
        let id: VineID = Self.newID()
        let vine = Vine(
            id: id, settings: Self.settings(project: project ?? "shop-\(id.short)", stage: stage), createdBy: "ana",
            createdAt: Self.at(seconds), updatedAt: Self.at(seconds))
        try await store.createVine(vine, secrets: VineSecrets())
        return vine
    }

    // MARK: - Tendrils

    /// A Tendril that is ONLINE for a day.
    func tendril(
        _ name: String? = nil, slots: Int = 1, engines: [Engine] = [StoreFixture.terraform],
        runRoot: String = "/srv/runs"
    ) async throws -> Tendril {
        let id: TendrilID = Self.newID()
        let tendril = Tendril(
            id: id, name: name ?? "tendril-\(id.short)", createdAt: Self.at(0), lastSeenAt: Self.at(86_400),
            offer: TendrilCapabilities(version: "1.0", slots: slots, engines: engines, runRoot: runRoot))
        try await store.createTendril(tendril, tokenHash: Data([1, 2, 3]))
        return tendril
    }

    // MARK: - Jobs

    func draft(
        _ type: JobType = .plan, of vine: Vine, plan: JobID? = nil, rerunOf: JobID? = nil,
        assignedTo worker: TendrilID? = nil, requirement: EngineRequirement = EngineRequirement(),
        at seconds: Int64 = 1
    ) -> Job {
        Job(
            id: Self.newID(), type: type, vine: vine.id, assignedWorker: worker, plan: plan, rerunOf: rerunOf,
            snapshot: Snapshot(
                vine: vine.id, revision: vine.revision, settings: vine.settings, digest: "digest-\(vine.revision)"),
            requirement: requirement, createdBy: "ana", createdAt: Self.at(seconds))
    }

    func job(
        _ type: JobType = .plan, of vine: Vine, plan: JobID? = nil, rerunOf: JobID? = nil,
        assignedTo worker: TendrilID? = nil, requirement: EngineRequirement = EngineRequirement(),
        at seconds: Int64 = 1
    ) async throws -> Job {
        let job = draft(
            type, of: vine, plan: plan, rerunOf: rerunOf, assignedTo: worker, requirement: requirement, at: seconds)
        try await store.createJob(job, secrets: VineSecrets(), systemLines: [])
        return job
    }

    /// A job that is PROCESSING on a Tendril of its own. It is the oldest, so a claim returns it.
    func running(_ type: JobType = .plan, of vine: Vine? = nil, plan: JobID? = nil) async throws -> Job {
        let tendril = try await tendril()
        let vine = if let vine { vine } else { try await self.vine() }
        let job = try await job(type, of: vine, plan: plan, assignedTo: tendril.id, at: -1000)
        guard let claimed = try await store.claim(by: tendril.id, at: Self.at(2)), claimed.id == job.id else {
            throw BenchError.notClaimed
        }
        return try await change(job.id, .start(epoch: 1), at: 3)
    }

    /// A job that has FAILED, its log still open.
    func ended(_ type: JobType = .plan, of vine: Vine? = nil, plan: JobID? = nil) async throws -> Job {
        let job = try await running(type, of: vine, plan: plan)
        return try await change(job.id, .fail(epoch: 1, engineKnown: true), at: 4)
    }

    /// A PLAN that is a SUCCESS, with its artifact.
    func plan(of vine: Vine) async throws -> Job {
        let job = try await running(.plan, of: vine)
        let bytes = Data("plan".utf8)
        try await store.saveArtifact(bytes, sha256: bytes.sha256, of: job.id, epoch: 1, at: Self.at(4))
        return try await change(job.id, .succeed(epoch: 1, artifactStored: true), at: 5)
    }

    @discardableResult
    func change(_ id: JobID, _ events: JobEvent..., at seconds: Int64 = 9) async throws -> Job {
        try await store.change(id, events, facts: JobFields(), at: Self.at(seconds)).job
    }

    // MARK: - Logs

    @discardableResult
    func append(
        _ n: Int64, _ chunks: [UnnumberedChunk], to job: Job, epoch: Int = 1, at seconds: Int64 = 5
    ) async throws -> LogReceipt {
        try await store.append(LogAppend(job: job.id, epoch: epoch, n: n, chunks: chunks), at: Self.at(seconds))
    }

    /// The whole log.
    func chunks(of job: Job) async throws -> [LogChunk] {
        try await store.chunks(of: job.id, after: 0, maxBytes: 1 << 30, maxRows: 1_000_000)
    }
}

enum BenchError: Error { case notClaimed }

extension UnnumberedChunk {
    static func stdout(_ text: String, continued: Bool = false) -> UnnumberedChunk {
        UnnumberedChunk(stream: .stdout, text: text, continued: continued, times: LineTimes())
    }

    static func stderr(_ text: String) -> UnnumberedChunk {
        UnnumberedChunk(stream: .stderr, text: text, times: LineTimes())
    }
}

extension Data {
    var sha256: String { SHA256.hash(data: self).map { String(format: "%02x", $0) }.joined() }
}

/// A line as it was printed, with its control sequences.
struct RawLine: Hashable, Sendable {
    var number: Int64
    var stream: LogStream
    var time: Timestamp
    var raw: String
    var continued: Bool
}

extension LogChunk {
    var rawLines: [RawLine] {
        let moments = times.runs.flatMap { Array(repeating: $0.at, count: $0.lines) }
        return ChunkText.lines(of: text).enumerated().map { index, text in
            RawLine(
                number: firstLine + Int64(index), stream: stream, time: moments[index], raw: String(text),
                continued: continued && index == 0)
        }
    }
}

extension LogStore {
    /// The raw lines of a window, from however many segments.
    func lines(of job: JobID, from: Int64, count: Int) async throws -> [RawLine] {
        let window = from..<(from + Int64(count))
        var lines: [RawLine] = []
        var next = window.lowerBound
        while next < window.upperBound, let segment = try await segment(of: job, at: .line(next)) {
            lines += segment.chunks.flatMap(\.rawLines).filter { $0.number >= next && window.contains($0.number) }
            next = (segment.chunks.last?.lastLine ?? next) + 1
        }
        return lines
    }
}

extension NewSession {
    /// A session that began with the test.
    static func of(_ user: String, hash: Data, until expiresAt: Timestamp) -> NewSession {
        NewSession(hash: hash, user: user, method: .link, createdAt: StoreFixture.at(0), expiresAt: expiresAt)
    }
}
