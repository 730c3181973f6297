import Domain
import Foundation
import Wire

/// The calls that a Tendril makes to Trellis.
///
/// Every call throws ``TrellisCallError``, or `CancellationError` if its task was canceled. Calls that may be
/// repeated without harm are repeated a few times before they throw; callers that must not give up retry.
protocol TrellisClient: Sendable {
    func heartbeat(_ heartbeat: HeartbeatRequest) async throws -> HeartbeatResponse

    /// nil if there is nothing to claim. Not repeated: a claim whose response was lost is corrected by the next
    /// heartbeat, which does not name its lease.
    func claim() async throws -> ClaimResponse?

    /// What the holder of `lease` needs, once more.
    func work(_ lease: LeaseMessage) async throws -> ClaimResponse

    func report(_ report: MaskedReport, job: JobID) async throws -> ReportStatusResponse

    /// Text in the message is masked already.
    func report(_ resources: ReportResourcesRequest, job: JobID) async throws

    func append(_ job: JobID, _ logs: AppendLogsRequest) async throws -> LogCursorResponse

    /// What is stored of the job's log under this epoch.
    func cursor(_ job: JobID, epoch: Int) async throws -> LogCursorResponse

    /// Stores the file at `path` as the artifact of a PLAN.
    func uploadArtifact(_ path: String, sha256: String, lease: LeaseMessage) async throws

    /// Stores a part of what a job plans. Parts may be repeated, from the first one on.
    func savePlan(_ part: SavePlanChangesRequest, of job: JobID) async throws

    /// Writes the artifact of `plan` to the file at `path`, for the DEPLOY that holds `lease`.
    ///
    /// - Throws: `refused(status: 413)` for one of more than `limit` bytes.
    func downloadArtifact(of plan: JobID, for lease: LeaseMessage, to path: String, limit: Int) async throws

    /// Throws `locked` if someone else holds it. Taking it again under the same ID is not an error.
    func lock(_ vine: VineID, _ info: LockInfo) async throws

    func unlock(_ vine: VineID, _ info: LockInfo) async throws

    /// The newest state; nil for none.
    func state(of vine: VineID) async throws -> Data?

    func storeState(_ state: Data, of vine: VineID, lockID: String) async throws

    /// A token of the job's cloud identity. Never log it.
    func identityToken(_ lease: LeaseMessage, phase: TokenPhase) async throws -> IdentityTokenResponse

    /// Follows the event stream until it ends, and throws if it ends with an error.
    func follow(_ receive: @escaping @Sendable (TendrilEvent) -> Void) async throws
}

/// Events of the stream. Hints only: the heartbeat carries the same.
enum TendrilEvent: Hashable, Sendable {
    /// Connected; earlier events are not replayed.
    case connected
    case work
    case stop(JobID)
    /// Kill the engine: a user does not want to wait until it exits.
    case force(JobID)
}

extension TendrilEvent {
    /// What an event of the stream means; nil for an unknown event.
    init?(_ event: EventStreamParser.Event) {
        switch event.name {
        case WorkerEvent.work: self = .work
        case WorkerEvent.stop:
            guard let stop = try? WireJSON.decode(StopMessage.self, from: Data(event.data.utf8)) else { return nil }
            self = stop.kill == true ? .force(stop.jobId) : .stop(stop.jobId)
        default: return nil
        }
    }
}
