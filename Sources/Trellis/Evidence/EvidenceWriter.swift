internal import Domain
internal import Foundation
internal import Storage
internal import Wire

/// Collects what shows who did what in a DEPLOY or DESTROY.
struct EvidenceWriter: Sendable {
    var store: any Store
    var key: EvidenceSigningKey
    var ambient: SystemDependencies

    /// Bytes of the log, and events, in memory at a time.
    private static let pageBytes = 256 << 10
    private static let pageEvents = 200

    /// The job, if there is evidence of it. - Throws: ``Refusal``.
    func check(_ id: JobID) async throws -> Job {
        guard let job = try await store.job(id) else { throw Refusal.notFound("job") }
        guard job.type == .deploy || job.type == .destroy else {
            throw Refusal(
                .conflict, "A \(job.type.rawValue) changes nothing. Evidence is there for a DEPLOY and a DESTROY.")
        }
        guard job.status.isTerminal, !job.state.engine.holdsVine, job.state.log != .open else {
            throw Refusal(.conflict, "The job has not ended. Evidence is there once its log is complete.")
        }
        return job
    }

    /// Seals the events of these jobs, which otherwise happens within a second.
    func sealEvents(of job: Job) async throws {
        for id in [job.id, job.plan].compactMap(\.self) {
            while try await store.hasUnsealedEvents(of: id) {
                guard try await store.sealAuditEvents(limit: AuditKeeper.batch) > 0 else { break }
            }
        }
    }

    /// Writes the whole archive.
    func write(_ job: Job, to write: @escaping (Data) async throws -> Void) async throws {
        var archive = EvidenceArchive(write)
        var facts: [String: JSONValue] = [
            "created_at": .string(ambient.now().description),
            "job": Self.facts(of: job),
            "vine": Self.vine(of: job),
            "log": try await writeLog(of: job, &archive),
        ]
        facts["state"] = try await states(of: job)
        let deeds = try await writeEvents(of: job, &archive)
        var people: [String: JSONValue] = ["applied_by": deeds[job.id] ?? ["name": .string(job.createdBy)]]
        if let id = job.plan, let plan = try await store.job(id) {
            var planFacts = Self.facts(of: plan)
            if let digest = try await store.artifactDigest(of: id) {
                planFacts = planFacts.merging(["artifact_sha256": .string(digest)])
            }
            facts["plan"] = planFacts
            people["planned_by"] = deeds[id] ?? ["name": .string(plan.createdBy)]
        }
        facts["people"] = .object(people)
        let ends = try await store.auditChainEnds()
        facts["audit"] = ["head": .string(ends.head.description)]
        try await archive.close(facts, key: key)
    }

    // MARK: - Facts

    private static func facts(of job: Job) -> JSONValue {
        var facts: [String: JSONValue] = [
            "id": .string(job.id.rawValue), "type": .string(job.type.rawValue), "status": .string(job.status.rawValue),
            "created_at": .string(job.createdAt.description), "created_by": .string(job.createdBy),
            "snapshot_digest": .string(job.snapshot.digest),
        ]
        func add(_ name: String, _ time: Timestamp?) { if let time { facts[name] = .string(time.description) } }
        add("started_at", job.startedAt)
        add("completed_at", job.completedAt)
        if let outcome = job.outcome {
            facts["result"] = .string(outcome.result.rawValue)
            facts["summary"] = .string(outcome.summary)
        }
        if let name = job.cancelledBy { facts["cancelled_by"] = .string(name) }
        if let changes = job.changes, let value = try? JSONValue(encoding: changes) { facts["changes"] = value }
        return .object(facts)
    }

    private static func vine(of job: Job) -> JSONValue {
        let settings = job.snapshot.settings
        var facts: [String: JSONValue] = [
            "id": .string(job.vine.rawValue), "project_name": .string(settings.projectName),
            "environment_stage": .string(settings.environmentStage),
            "revision": .integer(Int64(job.snapshot.revision)),
        ]
        if case .git(let url, let ref, _) = settings.source {
            facts["repository"] = .string(url)
            facts["ref"] = .string(ref)
        }
        if let commit = job.snapshot.resolvedCommit { facts["commit"] = .string(commit) }
        return .object(facts)
    }

    /// The state before the job and after it, by digests; the states themselves hold secrets.
    private func states(of job: Job) async throws -> JSONValue {
        let versions = try await store.stateVersions(of: job.vine).sorted { $0.number < $1.number }
        let own = versions.filter { $0.job == job.id }
        var facts: [String: JSONValue] = [:]
        if let first = own.first {
            facts["before"] = versions.last { $0.number < first.number && !$0.isSuperseded }.map(Self.facts)
        }
        facts["after"] = own.last.map(Self.facts)
        if let serial = job.outcome?.serialBefore { facts["serial_before"] = .integer(serial) }
        if let serial = job.outcome?.serialAfter { facts["serial_after"] = .integer(serial) }
        return .object(facts)
    }

    private static func facts(of version: StateVersion) -> JSONValue {
        [
            "version": .integer(Int64(version.number)), "serial": .integer(version.position.serial),
            "lineage": .string(version.position.lineage), "sha256": .string(version.sha256),
        ]
    }

    // MARK: - Parts

    /// The whole log, chunk by chunk, and its digests.
    private func writeLog(of job: Job, _ archive: inout EvidenceArchive) async throws -> JSONValue {
        var lines = EvidenceArchive.Lines("log")
        var digests = EvidenceDigests()
        var (after, count) = (Int64(0), Int64(0))
        while true {
            let page = try await store.chunks(of: job.id, after: after, maxBytes: Self.pageBytes, maxRows: 4096)
            guard let last = page.last else { break }
            after = last.seq
            count = last.lastLine
            for chunk in page {
                digests.add(chunk.text, epoch: Int64(chunk.epoch), stream: chunk.stream.rawValue)
                try await archive.add(WireJSON.encode(LogRowMessage(chunk)) + [UInt8(ascii: "\n")], to: &lines)
            }
        }
        try await archive.finish(&lines)
        return [
            "lines": .integer(count), "state": .string(job.state.log.name), "digests": digests.list,
        ]
    }

    /// The sealed audit events of the job and of its plan, newest first. Returns who created each of the two.
    private func writeEvents(of job: Job, _ archive: inout EvidenceArchive) async throws -> [JobID: JSONValue] {
        var lines = EvidenceArchive.Lines("audit")
        var deeds: [JobID: JSONValue] = [:]
        for id in [job.id, job.plan].compactMap(\.self) {
            var last: AuditPosition?
            while true {
                let page = try await store.auditRecords(
                    .job(id), before: last, since: nil, limit: Self.pageEvents)
                for record in page {
                    guard record.seal != nil else { continue }
                    if [.createJob, .applyPlan, .destroy].contains(record.event.action) {
                        deeds[id] = Self.facts(of: record.event.actor)
                    }
                    try await archive.add(record.line, to: &lines)
                }
                guard page.count == Self.pageEvents, let end = page.last else { break }
                last = AuditPosition(end)
            }
        }
        try await archive.finish(&lines)
        return deeds
    }

    private static func facts(of actor: AuditActor) -> JSONValue {
        var facts: [String: JSONValue] = [
            "kind": .string(actor.kind.rawValue), "name": .string(actor.name),
            "roles": .array(actor.roles.map(JSONValue.string)),
        ]
        if let source = actor.source { facts["source"] = .string(source) }
        return .object(facts)
    }
}
