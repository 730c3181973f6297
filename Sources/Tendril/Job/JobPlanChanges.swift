import Domain
import Foundation
import Logging
import Wire

extension JobRunner {
    /// The name that the job's `truncated` has for a plan whose changes are not, or not all, stored.
    private static let truncationName = "plan_changes"
    /// Each one is repeated a few times by itself.
    private static let planAttempts = 4

    /// Sends what the job plans to Trellis, without secrets. Whatever goes wrong here, the job goes on: its page then
    /// shows no changes, or not all of them.
    func sendPlanChanges(_ json: Data) async throws {
        var isIncomplete = true
        do {
            let plan = try RedactedPlan(
                json, refreshOnly: order?.options?.refreshOnly == true, masker: try planMasker())
            let pieces = plan.pieces(epoch: lease.epoch)
            try await stop.interrupting { [self] in
                for piece in pieces { try await self.sendPlanPiece(piece) }
            }
            isIncomplete = !plan.truncated.isEmpty
        } catch let error where !(error is CancellationError) {
            let reason = (error as? TrellisCallError)?.sentence ?? "the plan's JSON can't be read"
            logger.warning("the plan's changes were not stored: \(error)")
            await note("The page can't show this plan's changes: \(reason)")
        }
        guard isIncomplete else { return }
        try record { $0.addTruncated(Self.truncationName) }
    }

    /// Without the job's secrets, nothing can be masked, and nothing of the plan may leave this machine.
    private func planMasker() throws -> any TextMasking {
        guard !(masker is WithholdingMasker) else {
            throw JobError(description: "the job's secrets are no longer available")
        }
        return masker
    }

    private func sendPlanPiece(_ piece: SavePlanChangesRequest) async throws {
        var backoff = Backoff(dependencies: host.ambient)
        for attempt in 1... {
            do {
                return try await host.trellis.savePlan(piece, of: lease.jobId)
            } catch let error as TrellisCallError where error.isTransient && attempt < Self.planAttempts {
                logger.warning("sending the plan's changes: \(error)")
                try await host.sleeper.sleep(backoff.next())
            }
        }
    }
}
