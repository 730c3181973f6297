internal import Domain
internal import Foundation

/// A job as it is stored, without its documents (snapshot and metadata, which may be large and are left as text until
/// somebody wants them).
struct JobRow: Hashable, Sendable {
    var id: JobID
    var type: JobType
    var vine: VineID
    var state: JobState
    var assignedWorker: TendrilID?
    var plan: JobID?
    var rerunOf: JobID?
    var snapshotRevision: Int
    var snapshotDigest: String
    /// The snapshot's names, so that lists need no snapshot.
    var projectName: String
    var environmentStage: String
    var resolvedCommit: String?
    var requirement: EngineRequirement
    var options: RunOptions
    /// What it ran with.
    var engine: Engine?
    var runRoot: String?
    var plannedState: StatePosition??
    var createdBy: String
    var cancelledBy: String?
    var errorMessage: String?
    var outcome: Outcome?
    var changes: PlannedChanges?
    var warnings: Int?
    var phases: [JobPhase] = []
    var truncated: [String] = []
    var createdAt: Timestamp
    var claimedAt: Timestamp?
    var startedAt: Timestamp?
    var completedAt: Timestamp?
    var forcedAt: Timestamp?
    var givenUpAt: Timestamp?
    var tail = LogTail()
}

extension JobRow {
    /// The record of a new job.
    init(_ job: Job) {
        self.init(
            id: job.id, type: job.type, vine: job.vine, state: job.state, assignedWorker: job.assignedWorker,
            plan: job.plan, rerunOf: job.rerunOf, snapshotRevision: job.snapshot.revision,
            snapshotDigest: job.snapshot.digest, projectName: job.snapshot.settings.projectName,
            environmentStage: job.snapshot.settings.environmentStage, resolvedCommit: job.snapshot.resolvedCommit,
            requirement: job.requirement, options: job.options, engine: nil, runRoot: nil, plannedState: nil,
            createdBy: job.createdBy,
            cancelledBy: job.cancelledBy, errorMessage: job.errorMessage, outcome: job.outcome,
            changes: job.changes, warnings: job.warnings, phases: job.phases, truncated: job.truncated,
            createdAt: job.createdAt,
            claimedAt: job.claimedAt, startedAt: job.startedAt,
            completedAt: job.completedAt, forcedAt: job.forcedAt, givenUpAt: job.givenUpAt)
    }

    /// The job without its documents: see ``JobStore/outline(of:)``.
    func outline() -> Job {
        let settings = VineSettings(
            projectName: projectName, environmentStage: environmentStage, source: .inline(files: [:]))
        let snapshot = Snapshot(
            vine: vine, revision: snapshotRevision, settings: settings, digest: snapshotDigest,
            resolvedCommit: resolvedCommit)
        return job(snapshot: snapshot, metadata: .object([:]))
    }

    fileprivate func job(snapshot: Snapshot, metadata: JSONValue) -> Job {
        Job(
            id: id, type: type, vine: vine, state: state, assignedWorker: assignedWorker, plan: plan,
            rerunOf: rerunOf, snapshot: snapshot, requirement: requirement, options: options,
            createdBy: createdBy, cancelledBy: cancelledBy, errorMessage: errorMessage, outcome: outcome,
            changes: changes, warnings: warnings, phases: phases, truncated: truncated, metadata: metadata,
            createdAt: createdAt, claimedAt: claimedAt, startedAt: startedAt, completedAt: completedAt,
            forcedAt: forcedAt, givenUpAt: givenUpAt)
    }

    /// What a DEPLOY of this plan needs: what the plan ran with.
    var deployRequirement: EngineRequirement {
        EngineRequirement(name: engine?.name, version: engine?.version, platform: engine?.platform, runRoot: runRoot)
    }
}

/// A record with its documents as they are stored, still to be parsed.
struct JobWithDocuments: Sendable {
    var record: JobRow
    var snapshot: String
    var metadata: String

    /// The job. Costs the parsing of its documents, so it is not for the one writer to do.
    func job() throws -> Job {
        var snapshot = try StoredJSON.decode(Snapshot.self, from: snapshot)
        snapshot.resolvedCommit = record.resolvedCommit
        return record.job(snapshot: snapshot, metadata: try StoredJSON.decode(JSONValue.self, from: metadata))
    }
}

/// Values that are stored as JSON text.
enum StoredJSON {
    static func encode(_ value: some Encodable) throws -> String {
        try JSONValue(encoding: value).text
    }

    static func decode<Value: Decodable>(_: Value.Type, from text: String) throws -> Value {
        do {
            return try JSONValue(parsing: text.utf8, maxDepth: JSONDepth.trusted).decoded()
        } catch {
            throw StorageError(.corrupt, "A stored \(Value.self) can't be read.")
        }
    }
}
