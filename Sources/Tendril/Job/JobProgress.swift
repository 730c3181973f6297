import Domain
import Foundation
import SystemCalls
import Wire

/// A job's persisted progress: enough to resume after a crash, without secrets.
struct JobProgress: Codable, Hashable, Sendable {
    var lease: LeaseMessage
    var type: JobType
    var vine: VineID

    /// Completed steps.
    var done: Set<JobStep> = []
    /// The phases that were started, in order.
    var phases: [PhaseMark] = []

    // What stops the work; see `isStopped`.
    var isCancelled = false
    /// Why the lease is lost.
    var leaseLost: String?
    /// An error outside the engine; a masked message.
    var failure: String?

    var engine: FoundEngine?
    var workingDirectory: String?
    var resolvedCommit: String?
    /// The backend, if it is not Trellis.
    var backend: String?
    /// The state at the beginning, and the last version that is known to be stored.
    var stateBefore: StatePosition?
    var stateAfter: StatePosition?
    /// SHA-256 of the last state that Trellis gave or took.
    var storedState: String?
    /// We may hold the state lock.
    var mayHoldLock = false
    var lockReleased: Bool?

    var changes: PlannedChanges?
    /// As the plan found them.
    var failedChecks: Int?
    /// What was cut, by name.
    var truncated: [String]?
    var artifact: String?
    /// What a CONNECTION_TEST found, in a sentence; masked.
    var connection: String?
    /// The working folder contains the only copy of a state.
    var keepsFolder = false
    /// Trellis found the log incomplete.
    var keepsCapture = false
    /// Masked.
    var metadata = JSONValue.object([:])

    init(lease: LeaseMessage, type: JobType, vine: VineID) {
        self.lease = lease
        self.type = type
        self.vine = vine
    }

    init(_ order: ClaimResponse) {
        self.init(lease: LeaseMessage(jobId: order.jobId, epoch: order.epoch), type: order.jobType, vine: order.vineId)
    }

    /// Adds to what was cut, once.
    mutating func addTruncated(_ name: String) {
        guard truncated?.contains(name) != true else { return }
        truncated = (truncated ?? []) + [name]
    }

    func mark(of phase: Phase) -> PhaseMark? { phases.first { $0.phase == phase } }

    /// The phases as they are reported.
    var reportedPhases: [JobPhase] {
        phases.map { JobPhase(name: $0.phase.rawValue, startedAt: $0.begunAt, endedAt: $0.end?.at) }
    }

    /// True once no further phase may begin.
    var isStopped: Bool {
        isCancelled || leaseLost != nil || failure != nil || failedPhase != nil
    }

    /// The failed phase. Failing to read another backend's state does not count.
    var failedPhase: PhaseMark? {
        phases.first { $0.end != nil && !$0.succeeded && $0.phase != .pullBefore && $0.phase != .pullAfter }
    }

    // MARK: - On disk

    static func load(_ path: String) throws -> JobProgress? {
        guard let data = try Files.read(path) else { return nil }
        return try JSONValue(parsing: data, maxDepth: JSONDepth.trusted).decoded()
    }

    func save(_ path: String, durably: Bool) throws {
        try Files.write(Data(try JSONValue(encoding: self).bytes), to: path, durably: durably)
    }
}

/// A phase that was started.
struct PhaseMark: Codable, Hashable, Sendable {
    struct End: Codable, Hashable, Sendable {
        /// Both nil if the end was not observed.
        var code: Int?
        var signal: Int?
        var at: Timestamp
    }

    var phase: Phase
    /// Where the captures stood before it.
    var captured: EngineDiagnostics.Position?
    /// When the engine's executable took over, as precisely as known.
    var begunAt: Timestamp
    /// nil while it may be running.
    var end: End?

    /// A plan that was asked for a detailed exit code ends with 2 if it has changes.
    var succeeded: Bool { end?.code == 0 || phase == .plan && end?.code == 2 }
    /// It ended in an unknown way.
    var isUnknown: Bool { end.map { $0.code == nil && $0.signal == nil } ?? false }
}

extension PhaseMark.End {
    init(_ end: PhaseEnd, at moment: Timestamp) {
        switch end {
        case .exited(let code): self.init(code: code, signal: nil, at: moment)
        case .signaled(let signal): self.init(code: nil, signal: signal, at: moment)
        case .unknown: self.init(code: nil, signal: nil, at: moment)
        }
    }
}
