import Domain
import Foundation
import Wire

@testable import Tendril

/// A Trellis in memory, as far as one Tendril can see it.
actor FakeTrellis: TrellisClient {
    struct Stored: Equatable {
        var position: StatePosition?
        var lockID: String
    }

    private(set) var calls: [String] = []
    /// The body of every call that has one, but for states and artifacts, which are encrypted.
    private(set) var bodies: [(call: String, body: Data)] = []
    var queue: [ClaimResponse] = []
    private(set) var orders: [JobID: ClaimResponse] = [:]
    private(set) var statuses: [JobID: JobStatus] = [:]
    private(set) var reports: [ReportStatusRequest] = []
    /// The phases that were reported while the job ran.
    private(set) var phaseReports: [[JobPhase]] = []
    private(set) var resourceReports: [ReportResourcesRequest] = []
    private(set) var heartbeats: [HeartbeatRequest] = []
    private var holders: [VineID: String] = [:]
    /// Holds every vine.
    private var stranger: String?
    var holder: String? { stranger ?? holders.values.first }
    private(set) var states: [Data] = []
    private(set) var stored: [Stored] = []
    /// The parts of each job's plan.
    private(set) var plans: [JobID: [SavePlanChangesRequest]] = [:]
    private(set) var artifacts: [JobID: Data] = [:]
    var reply = HeartbeatResponse(serverNow: Timestamp(milliseconds: 0), work: false, stop: [], lost: [])
    /// Refuses reports of an end that bring metadata along.
    private var refusesMetadata = false
    /// What the log of a report that closes it is found to be.
    var logState = "COMPLETE"
    /// Asked before each call, by its name; may throw, or wait.
    private var gate: @Sendable (String) async throws -> Void = { _ in }
    private var signals: [AsyncStream<TendrilEvent>.Continuation] = []

    // MARK: - For tests

    func guarding(_ gate: @escaping @Sendable (String) async throws -> Void) { self.gate = gate }

    func offer(_ order: ClaimResponse) {
        queue.append(order)
        orders[order.jobId] = order
        statuses[order.jobId] = .queued
    }

    /// As if the job had been claimed.
    func grant(_ order: ClaimResponse) {
        orders[order.jobId] = order
        statuses[order.jobId] = .claimed
    }

    func cancel(_ job: JobID) { statuses[job] = .cancelled }
    func giveUp(_ job: JobID) { statuses[job] = .failed }
    func answer(_ reply: HeartbeatResponse) { self.reply = reply }
    func hold(_ id: String?) { stranger = id }
    func put(state: Data) { states.append(state) }
    func put(artifact: Data, of job: JobID) { artifacts[job] = artifact }
    func find(log: String) { logState = log }
    func refuseMetadata() { refusesMetadata = true }
    func forget(_ job: JobID) { orders[job] = nil }
    func send(_ signal: TendrilEvent) { for continuation in signals { continuation.yield(signal) } }

    var lastReport: ReportStatusRequest? { reports.last }
    func status(of job: JobID) -> JobStatus? { statuses[job] }

    // MARK: - Calls

    private func enter(_ call: String) async throws {
        calls.append(call)
        try await gate(call)
    }

    static func refused(_ status: Int, _ sentence: String = "No.") -> TrellisCallError {
        TrellisCallError(kind: .refused(status: status), call: "TEST", sentence: sentence)
    }

    static let unreachable = TrellisCallError(kind: .unreachable, call: "TEST", sentence: "Trellis can't be reached.")

    /// The tokens that were given, in order.
    private(set) var tokens: [IdentityTokenResponse] = []
    private var tokenMaker: (@Sendable (TokenPhase, Int) throws -> IdentityTokenResponse)?

    func giveTokens(_ make: @escaping @Sendable (TokenPhase, Int) throws -> IdentityTokenResponse) { tokenMaker = make }

    func identityToken(_ lease: LeaseMessage, phase: TokenPhase) async throws -> IdentityTokenResponse {
        try await enter("token \(phase.rawValue)")
        guard let tokenMaker else { throw Self.refused(409, "No identity.") }
        let token = try tokenMaker(phase, tokens.count)
        tokens.append(token)
        return token
    }

    func heartbeat(_ heartbeat: HeartbeatRequest) async throws -> HeartbeatResponse {
        heartbeats.append(heartbeat)
        bodies.append(("heartbeat", try WireJSON.encode(heartbeat)))
        try await enter("heartbeat")
        return reply
    }

    func claim() async throws -> ClaimResponse? {
        try await enter("claim")
        guard !queue.isEmpty else { return nil }
        let order = queue.removeFirst()
        statuses[order.jobId] = .claimed
        return order
    }

    func work(_ lease: LeaseMessage) async throws -> ClaimResponse {
        try await enter("work")
        guard let order = orders[lease.jobId] else { throw Self.refused(410, "This lease is not the job's any more.") }
        return order
    }

    func report(_ masked: MaskedReport, job: JobID) async throws -> ReportStatusResponse {
        let report = masked.content
        bodies.append(("report", try WireJSON.encode(report)))
        if report.status == nil, report.outcome == nil, report.log == nil, let phases = report.phases {
            // Sent beside the job's own calls, whenever a phase starts or ends.
            phaseReports.append(phases)
            return ReportStatusResponse(status: statuses[job] ?? .processing, engineState: .running, logState: "OPEN")
        }
        try await enter("report \(report.status?.rawValue ?? "facts")")
        if refusesMetadata, report.executionMetadata != nil { throw Self.refused(413, "Too large.") }
        let stands = statuses[job] ?? .queued
        if let status = report.status {
            if stands.isTerminal, stands != status {
                throw Self.refused(stands == .failed ? 410 : 409, "The job is \(stands.rawValue).")
            }
            statuses[job] = status
        }
        reports.append(report)
        return ReportStatusResponse(
            status: statuses[job] ?? stands, engineState: report.engineState ?? .running,
            logState: report.log == nil ? "OPEN" : logState)
    }

    func report(_ resources: ReportResourcesRequest, job: JobID) async throws {
        bodies.append(("resources", try WireJSON.encode(resources)))
        try await gate("resources")
        resourceReports.append(resources)
    }

    func append(_ job: JobID, _ logs: AppendLogsRequest) async throws -> LogCursorResponse {
        bodies.append(("append", try WireJSON.encode(logs)))
        return LogCursorResponse(nextN: logs.n + 1, seq: logs.n)
    }

    func cursor(_ job: JobID, epoch: Int) async throws -> LogCursorResponse { LogCursorResponse(nextN: 1, seq: 0) }

    func uploadArtifact(_ path: String, sha256: String, lease: LeaseMessage) async throws {
        try await enter("upload")
        artifacts[lease.jobId] = try Data(contentsOf: URL(fileURLWithPath: path))
    }

    func savePlan(_ part: SavePlanChangesRequest, of job: JobID) async throws {
        bodies.append(("plan", try WireJSON.encode(part)))
        try await enter("plan")
        plans[job] = (part.isFirst ? [] : plans[job] ?? []) + [part]
    }

    func downloadArtifact(of plan: JobID, for lease: LeaseMessage, to path: String, limit: Int) async throws {
        try await enter("download")
        guard let data = artifacts[plan] else { throw Self.refused(404, "The plan file is gone. Create a new plan.") }
        try data.write(to: URL(fileURLWithPath: path))
    }

    func lock(_ vine: VineID, _ info: LockInfo) async throws {
        bodies.append(("lock", try info.encoded()))
        try await enter("lock")
        if let holder = stranger ?? holders[vine], holder != info.ID {
            throw TrellisCallError(kind: .locked(holder: holder), call: "TEST", sentence: "The state is locked.")
        }
        holders[vine] = info.ID
    }

    func unlock(_ vine: VineID, _ info: LockInfo) async throws {
        bodies.append(("unlock", try info.encoded()))
        try await enter("unlock")
        guard stranger == nil, holders[vine] == info.ID else {
            throw Self.refused(409, "Somebody else holds the lock.")
        }
        holders[vine] = nil
    }

    func state(of vine: VineID) async throws -> Data? {
        try await enter("state")
        return states.last
    }

    func storeState(_ state: Data, of vine: VineID, lockID: String) async throws {
        try await enter("store")
        // What is the newest already is acknowledged, and not stored again.
        guard states.last != state else { return }
        states.append(state)
        stored.append(Stored(position: StateReader.position(of: state), lockID: lockID))
    }

    func follow(_ receive: @escaping @Sendable (TendrilEvent) -> Void) async throws {
        try await enter("follow")
        let (stream, continuation) = AsyncStream.makeStream(of: TendrilEvent.self)
        signals.append(continuation)
        receive(.connected)
        for await signal in stream { receive(signal) }
        try Task.checkCancellation()
    }
}
