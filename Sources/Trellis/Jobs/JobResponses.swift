internal import Domain
internal import Storage
internal import Wire

/// Builds API responses for jobs.
struct JobResponses: Sendable {
    var store: any Store
    var ambient: SystemDependencies

    /// A job with everything that is known of it.
    func record(_ job: Job) async throws -> JobResponse {
        let now = ambient.now()
        var record = JobResponse(job, configSnapshot: Self.redacted(job.snapshot), serverNow: now)
        record.workerName = try await workerName(of: job)
        record.giveUp = try await LeaseRevocation(store: store, ambient: ambient).record(of: job)
        record.reruns = try await store.reruns(of: job.id)
        if let progress = try await progress(of: [job])[job.id] { record.add(progress) }
        if job.status == .queued, let reason = try await store.waitReason(of: job.id, at: now) {
            record.waitingFor = try await waiting(reason)
            record.waitingFor?.startsAt = try await StartForecasts(store: store, ambient: ambient)
                .start(of: job, waitingFor: reason)
        }
        return record
    }

    /// How far those of `jobs` are that run.
    func progress(of jobs: [Job]) async throws -> [JobID: RunProgress] {
        let running = jobs.filter { $0.state.engine.holdsVine }.map(\.id)
        return running.isEmpty ? [:] : try await store.progress(of: running)
    }

    /// A row of a list: without snapshot and metadata.
    func row(_ job: Job, names: [TendrilID: String], progress: [JobID: RunProgress] = [:]) -> JobListItem {
        var record = JobResponse(job, configSnapshot: .object([:]), serverNow: ambient.now())
        record.executionMetadata = .object([:])
        record.workerName = (job.state.worker ?? job.assignedWorker).flatMap { names[$0] }
        if let progress = progress[job.id] { record.add(progress) }
        let settings = job.snapshot.settings
        return JobListItem(job: record, vineTitle: settings.title)
    }

    /// A lock that a job holds is shown with that job and its Tendril's name, not with the holder's own text.
    private func waiting(_ reason: WaitReason) async throws -> WaitResponse {
        var record = WaitResponse(reason)
        guard case .lock(_, _, let id?) = reason, let job = try await store.job(id) else { return record }
        record.workerId = job.state.worker
        record.workerName = try await workerName(of: job)
        let name = record.workerName ?? "a Tendril"
        record.message = "Waiting for the state lock held by \(name) (job \(id.short))"
        return record
    }

    private func workerName(of job: Job) async throws -> String? {
        guard let id = job.state.worker ?? job.assignedWorker else { return nil }
        return try await store.tendril(id)?.name
    }

    /// The snapshot without sensitive values.
    static func redacted(_ snapshot: Snapshot) -> JSONValue {
        let settings = snapshot.settings
        var variables = settings.variables
        for name in settings.sensitiveVariables { variables[name] = .string(sensitive) }
        var environment = settings.environment.mapValues(JSONValue.string)
        for name in settings.sensitiveEnvironment { environment[name] = .string(sensitive) }
        var shown: [String: JSONValue] = [
            "vine_id": .string(snapshot.vine.rawValue), "revision": .integer(Int64(snapshot.revision)),
            "project_name": .string(settings.projectName), "environment_stage": .string(settings.environmentStage),
            "source": source(settings.source, commit: snapshot.resolvedCommit), "variables": .object(variables),
            "environment": .object(environment), "digest": .string("sha256:\(snapshot.digest)"),
        ]
        if let region = settings.region { shown["region"] = .string(region) }
        if let engine = settings.engine { shown["engine"] = .string(engine.rawValue) }
        return .object(shown)
    }

    /// The placeholder for a sensitive value.
    static let sensitive = "(sensitive)"

    private static func source(_ source: VineSource, commit: String?) -> JSONValue {
        switch source {
        case .inline(let files, let path):
            var shown: [String: JSONValue] = ["type": "inline", "files": .object(files.mapValues(Self.file))]
            if let path { shown["path"] = .string(path) }
            return .object(shown)
        case .git(let url, let ref, let path):
            var shown: [String: JSONValue] = ["type": "git", "url": .string(url), "ref": .string(ref)]
            if let path { shown["path"] = .string(path) }
            if let commit { shown["commit"] = .string(commit) }
            return .object(shown)
        }
    }

    /// A plain text file as its text, every other one with what makes it different (``InlineFile``).
    private static func file(_ file: InlineFile) -> JSONValue {
        if file.isPlain { return .string(file.content) }
        var shown: [String: JSONValue] = ["content": .string(file.content)]
        if file.isExecutable { shown["executable"] = .bool(true) }
        if file.encoding != .text { shown["encoding"] = .string(file.encoding.rawValue) }
        return .object(shown)
    }
}

extension WaitResponse {
    /// The reason in a sentence.
    init(_ reason: WaitReason) {
        switch reason {
        case .job(let id): self.init(kind: "job", message: "Waiting for job \(id.short) on the same vine", jobId: id)
        case .lock(let id, let holder, let job):
            self.init(
                kind: "lock", message: "Waiting for the state lock held by \(holder)", jobId: job, lockId: id)
        case .tendril(let id, let name, let reason):
            self.init(kind: "tendril", message: "Waiting for \(name), which \(reason)", workerId: id, workerName: name)
        case .noTendril(let reason): self.init(kind: "no_tendril", message: reason)
        case .slot: self.init(kind: "slot", message: "Waiting for a free Tendril: all of them are busy")
        case .nothing: self.init(kind: "nothing", message: "About to be claimed")
        }
    }
}
