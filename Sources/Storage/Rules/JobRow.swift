package import Domain
internal import Foundation

/// A job as it is stored, without its documents (snapshot and metadata, which may be large and stay unparsed until
/// needed).
package struct JobRow: Hashable, Sendable {
    package var id: JobID
    package var type: JobType
    package var vine: VineID
    package var vineyard = Vineyard.defaultID
    package var state: JobState
    package var assignedWorker: TendrilID?
    package var plan: JobID?
    package var rerunOf: JobID?
    package var snapshotRevision: Int
    package var snapshotDigest: String
    /// The snapshot's names, so that lists need no snapshot.
    package var projectName: String
    package var environmentStage: String
    package var resolvedCommit: String?
    package var requirement: EngineRequirement
    /// ``RunOptions`` as JSON; nil for none. Up to some 400 KB that no change needs, so the one writer never parses it.
    package var options: String?
    /// What it ran with.
    package var engine: Engine?
    package var runRoot: String?
    package var plannedState: StatePosition??
    package var createdBy: String
    package var cancelledBy: String?
    package var errorMessage: String?
    /// This and the next fields are documents: no transaction parses them.
    package var outcome: StoredField<Outcome>?
    package var changes: StoredField<PlannedChanges>?
    package var phases: StoredField<[JobPhase]>
    package var truncated: StoredField<[String]>
    package var warnings: Int?
    package var createdAt: Timestamp
    package var claimedAt: Timestamp?
    package var startedAt: Timestamp?
    package var completedAt: Timestamp?
    package var forcedAt: Timestamp?
    package var givenUpAt: Timestamp?
    package var tail = LogTail()

    package init(
        id: JobID, type: JobType, vine: VineID, state: JobState, assignedWorker: TendrilID?, plan: JobID?,
        rerunOf: JobID?, snapshotRevision: Int, snapshotDigest: String, projectName: String,
        environmentStage: String, resolvedCommit: String?, requirement: EngineRequirement, options: String?,
        engine: Engine?, runRoot: String?, plannedState: StatePosition??, createdBy: String, cancelledBy: String?,
        errorMessage: String?, outcome: Outcome?, changes: PlannedChanges?, warnings: Int?,
        phases: [JobPhase] = [], truncated: [String] = [], createdAt: Timestamp, claimedAt: Timestamp?,
        startedAt: Timestamp?,
        completedAt: Timestamp?, forcedAt: Timestamp?, givenUpAt: Timestamp?, tail: LogTail = LogTail()
    ) {
        self.id = id
        self.type = type
        self.vine = vine
        self.state = state
        self.assignedWorker = assignedWorker
        self.plan = plan
        self.rerunOf = rerunOf
        self.snapshotRevision = snapshotRevision
        self.snapshotDigest = snapshotDigest
        self.projectName = projectName
        self.environmentStage = environmentStage
        self.resolvedCommit = resolvedCommit
        self.requirement = requirement
        self.options = options
        self.engine = engine
        self.runRoot = runRoot
        self.plannedState = plannedState
        self.createdBy = createdBy
        self.cancelledBy = cancelledBy
        self.errorMessage = errorMessage
        self.outcome = outcome.map(StoredField.init)
        self.changes = changes.map(StoredField.init)
        self.warnings = warnings
        self.phases = StoredField(phases)
        self.truncated = StoredField(truncated)
        self.createdAt = createdAt
        self.claimedAt = claimedAt
        self.startedAt = startedAt
        self.completedAt = completedAt
        self.forcedAt = forcedAt
        self.givenUpAt = givenUpAt
        self.tail = tail
    }
}

extension JobRow {
    /// The record of a new job.
    package init(_ job: Job) throws {
        try self.init(
            id: job.id, type: job.type, vine: job.vine, state: job.state, assignedWorker: job.assignedWorker,
            plan: job.plan, rerunOf: job.rerunOf, snapshotRevision: job.snapshot.revision,
            snapshotDigest: job.snapshot.digest, projectName: job.snapshot.settings.projectName,
            environmentStage: job.snapshot.settings.environmentStage, resolvedCommit: job.snapshot.resolvedCommit,
            requirement: job.requirement, options: job.options.isEmpty ? nil : StoredJSON.encode(job.options),
            engine: nil, runRoot: nil, plannedState: nil,
            createdBy: job.createdBy,
            cancelledBy: job.cancelledBy, errorMessage: job.errorMessage, outcome: job.outcome,
            changes: job.changes, warnings: job.warnings, phases: job.phases, truncated: job.truncated,
            createdAt: job.createdAt,
            claimedAt: job.claimedAt, startedAt: job.startedAt,
            completedAt: job.completedAt, forcedAt: job.forcedAt, givenUpAt: job.givenUpAt)
        vineyard = job.vineyard
    }

    /// The job without its documents: see ``JobStore/outline(of:)``.
    package func outline() throws -> Job {
        let settings = VineSettings(
            projectName: projectName, environmentStage: environmentStage, source: .inline(files: [:]))
        let snapshot = Snapshot(
            vine: vine, revision: snapshotRevision, settings: settings, digest: snapshotDigest,
            resolvedCommit: resolvedCommit)
        return try job(snapshot: snapshot, metadata: .object([:]))
    }

    fileprivate func job(snapshot: Snapshot, metadata: JSONValue) throws -> Job {
        try Job(
            id: id, type: type, vine: vine, state: state, assignedWorker: assignedWorker, plan: plan,
            rerunOf: rerunOf, snapshot: snapshot, requirement: requirement,
            options: options.map { try StoredJSON.decode(RunOptions.self, from: $0) } ?? RunOptions(),
            createdBy: createdBy, cancelledBy: cancelledBy, errorMessage: errorMessage, outcome: outcome?.value,
            changes: changes?.value, warnings: warnings, phases: phases.value, truncated: truncated.value,
            metadata: metadata,
            createdAt: createdAt, claimedAt: claimedAt, startedAt: startedAt, completedAt: completedAt,
            forcedAt: forcedAt, givenUpAt: givenUpAt, vineyard: vineyard)
    }

    /// What a DEPLOY of this plan needs: what the plan ran with.
    package var deployRequirement: EngineRequirement {
        EngineRequirement(name: engine?.name, version: engine?.version, platform: engine?.platform, runRoot: runRoot)
    }
}

/// A record with its documents as they are stored, still to be parsed.
package struct JobWithDocuments: Sendable {
    package var record: JobRow
    package var snapshot: String
    package var metadata: String

    package init(record: JobRow, snapshot: String, metadata: String) {
        self.record = record
        self.snapshot = snapshot
        self.metadata = metadata
    }

    /// The job. Parses the documents, so don't call it in the writer.
    package func job() throws -> Job {
        var snapshot = try StoredJSON.decode(Snapshot.self, from: snapshot)
        snapshot.resolvedCommit = record.resolvedCommit
        return try record.job(snapshot: snapshot, metadata: try StoredJSON.decode(JSONValue.self, from: metadata))
    }
}

/// Values that are stored as JSON text.
package enum StoredJSON {
    package static func encode(_ value: some Encodable) throws -> String {
        try JSONValue(encoding: value).text
    }

    package static func encode<Value>(_ field: StoredField<Value>) throws -> String { try field.text }

    package static func decode<Value: Decodable>(_: Value.Type, from text: String) throws -> Value {
        do {
            return try JSONValue(parsing: text.utf8, maxDepth: JSONDepth.trusted).decoded()
        } catch {
            throw StorageError(.corrupt, "A stored \(Value.self) can't be read.")
        }
    }
}

/// A column of JSON: the text as it was read, or a value to be written. Reading a row leaves the text unparsed, so a
/// transaction costs the same whatever a Tendril has reported.
package struct StoredField<Value: Codable & Hashable & Sendable>: Hashable, Sendable {
    private enum Content: Sendable {
        case text(String)
        case value(Value)
    }

    private let content: Content

    package init(_ value: Value) { content = .value(value) }
    package init(text: String) { content = .text(text) }

    /// The value. Parses the text, so don't call it in the writer.
    package var value: Value {
        get throws {
            switch content {
            case .text(let text): try StoredJSON.decode(Value.self, from: text)
            case .value(let value): value
            }
        }
    }

    package var text: String {
        get throws {
            switch content {
            case .text(let text): text
            case .value(let value): try StoredJSON.encode(value)
            }
        }
    }

    package static func == (left: StoredField, right: StoredField) -> Bool {
        if case .value(let left) = left.content, case .value(let right) = right.content { return left == right }
        guard let left = try? left.text, let right = try? right.text else { return false }
        return left == right
    }

    package func hash(into hasher: inout Hasher) {
        if let text = try? text { hasher.combine(text) }
    }
}

extension StoredField where Value: Collection {
    package var isEmpty: Bool { count == 0 }

    /// Scans the text instead of decoding it.
    package var count: Int {
        switch content {
        case .value(let value): return value.count
        case .text(let text):
            let count = try? JSONCursor.read(text.utf8) { cursor in
                var count = 0
                try cursor.elements { element in
                    try element.skip()
                    count += 1
                }
                return count
            }
            return count ?? 0
        }
    }
}

extension StoredField<Outcome> {
    /// Scans the text instead of decoding it; nil if it can't be read.
    package var result: Outcome.Result? {
        switch content {
        case .value(let outcome): return outcome.result
        case .text(let text):
            let name = try? JSONCursor.read(text.utf8) { cursor in
                var name: String?
                try cursor.members { key, value in
                    if key == "result" { name = try value.string() } else { try value.skip() }
                }
                return name
            }
            return name.flatMap { $0 }.flatMap(Outcome.Result.init)
        }
    }
}
