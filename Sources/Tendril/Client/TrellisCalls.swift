import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import SystemCalls
import Wire

extension HTTPTrellisClient: TrellisClient {
    /// The longest state taken, in bytes.
    private static let stateLimit = 512 << 20
    /// Long enough for a large file on a slow connection.
    private static let transfer = TimeAmount.minutes(10)

    func heartbeat(_ heartbeat: HeartbeatRequest) async throws -> HeartbeatResponse {
        var call = Call(TendrilEndpoints.heartbeat, body: try json(heartbeat))
        // Not retried: the next heartbeat has newer data.
        call.isRepeatable = false
        call.timeout = .seconds(10)
        return try decode(HeartbeatResponse.self, try await send(call), call)
    }

    func claim() async throws -> ClaimResponse? {
        var call = Call(TendrilEndpoints.claim, body: try json(NoFields()))
        call.isRepeatable = false
        call.timeout = .seconds(10)
        call.limit = 64 << 20
        let answer = try await send(call)
        return answer.status == 204 ? nil : try decode(ClaimResponse.self, answer, call)
    }

    func work(_ lease: LeaseMessage) async throws -> ClaimResponse {
        let call = Call(
            TendrilEndpoints.work, lease.jobId, query: [TendrilEndpoints.epoch(lease.epoch)], limit: 64 << 20)
        return try decode(ClaimResponse.self, try await send(call), call)
    }

    func report(_ report: MaskedReport, job: JobID) async throws -> ReportStatusResponse {
        let call = Call(TendrilEndpoints.report, job, body: try json(report.content))
        return try decode(ReportStatusResponse.self, try await send(call), call)
    }

    func report(_ resources: ReportResourcesRequest, job: JobID) async throws {
        var call = Call(TendrilEndpoints.reportResources, job, body: try json(resources))
        // The reporter itself sends it again, with what is new by then.
        call.isRepeatable = false
        call.timeout = .seconds(10)
        _ = try await send(call)
    }

    func append(_ job: JobID, _ logs: AppendLogsRequest) async throws -> LogCursorResponse {
        let call = Call(TendrilEndpoints.append, job, body: try json(logs))
        return try decode(LogCursorResponse.self, try await send(call), call)
    }

    func cursor(_ job: JobID, epoch: Int) async throws -> LogCursorResponse {
        let call = Call(TendrilEndpoints.cursor, job, query: [TendrilEndpoints.epoch(epoch)])
        return try decode(LogCursorResponse.self, try await send(call), call)
    }

    // MARK: - Artifacts

    func uploadArtifact(_ path: String, sha256: String, lease: LeaseMessage) async throws {
        let size = Files.size(of: path)
        let call = Call(
            TendrilEndpoints.saveArtifact, lease.jobId, query: [TendrilEndpoints.epoch(lease.epoch)],
            headers: [(TendrilEndpoints.artifactDigest, sha256)], body: .file(path: path, length: size),
            timeout: Self.transfer)
        _ = try await send(call)
    }

    func savePlan(_ part: SavePlanChangesRequest, of job: JobID) async throws {
        _ = try await send(Call(TendrilEndpoints.savePlan, job, body: try json(part)))
    }

    func downloadArtifact(of plan: JobID, for lease: LeaseMessage, to path: String, limit: Int) async throws {
        let call = Call(
            TendrilEndpoints.readArtifact, plan,
            query: [TendrilEndpoints.deploy(lease.jobId), TendrilEndpoints.epoch(lease.epoch)],
            timeout: Self.transfer)
        try await repeating(call) { response in
            try Files.write(Data(), to: path, mode: 0o600)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            defer { try? file.close() }
            var taken = 0
            for try await piece in response.body {
                taken += piece.readableBytes
                guard taken <= limit else {
                    throw TrellisCallError(
                        kind: .refused(status: 413), call: call.name,
                        sentence: "The saved plan is larger than the limit of \(limit >> 20) MiB.")
                }
                try file.write(contentsOf: Data(buffer: piece))
            }
        }
    }

    // MARK: - State

    func lock(_ vine: VineID, _ info: LockInfo) async throws {
        _ = try await send(Call(StateEndpoints.lock, vine, body: try lockBody(info)))
    }

    func unlock(_ vine: VineID, _ info: LockInfo) async throws {
        _ = try await send(Call(StateEndpoints.unlock, vine, body: try lockBody(info)))
    }

    func state(of vine: VineID) async throws -> Data? {
        let answer = try await send(
            Call(StateEndpoints.read, vine, timeout: Self.transfer, limit: Self.stateLimit))
        return answer.status == 204 || answer.body.isEmpty ? nil : answer.body
    }

    func storeState(_ state: Data, of vine: VineID, lockID: String) async throws {
        _ = try await send(
            Call(
                StateEndpoints.write, vine, query: [StateEndpoints.lockID(lockID)],
                body: .data(state, type: "application/json"), timeout: Self.transfer))
    }

    func identityToken(_ lease: LeaseMessage, phase: TokenPhase) async throws -> IdentityTokenResponse {
        let call = Call(
            IdentityEndpoints.token, lease.jobId,
            body: try json(IdentityTokenRequest(epoch: lease.epoch, phase: phase)))
        return try decode(IdentityTokenResponse.self, try await send(call), call)
    }

    // MARK: - Events

    func follow(_ receive: @escaping @Sendable (TendrilEvent) -> Void) async throws {
        let call = Call(TendrilEndpoints.stream, headers: [("Accept", "text/event-stream")])
        let response = try await open(call)
        receive(.connected)
        var parser = EventStreamParser()
        do {
            for try await piece in response.body {
                for event in parser.take(piece.readableBytesView) {
                    if let signal = TendrilEvent(event) { receive(signal) }
                }
            }
        } catch {
            throw Self.translated(error, call)
        }
    }

    // MARK: - Bodies

    private func json(_ value: some Encodable) throws -> Call.Body {
        .data(try WireJSON.encode(value), type: "application/json")
    }

    private func lockBody(_ info: LockInfo) throws -> Call.Body {
        .data(try info.encoded(), type: "application/json")
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ answer: Answer, _ call: Call) throws -> Value {
        do {
            return try WireJSON.decode(type, from: answer.body, maxDepth: JSONDepth.trusted)
        } catch let error as WireError {
            throw TrellisCallError(
                kind: .malformed, call: call.name, sentence: "Trellis sent a malformed response: \(error)")
        }
    }
}
