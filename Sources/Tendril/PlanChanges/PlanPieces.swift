import Domain
import Wire

extension RedactedPlan {
    /// The messages that carry the plan to Trellis, in order. At least one, which has the summary.
    func pieces(
        epoch: Int, resources: Int = PlanChangeLimits.pieceResources, bytes: Int = PlanChangeLimits.pieceBytes
    ) -> [SavePlanChangesRequest] {
        var pieces: [SavePlanChangesRequest] = []
        var piece: [PlanChangeMessage] = []
        var size = 0
        func close(_ summary: JSONValue?) {
            pieces.append(
                SavePlanChangesRequest(epoch: epoch, changes: piece, summary: summary, isFirst: pieces.isEmpty))
            (piece, size) = ([], 0)
        }
        for change in changes {
            let own = change.detail.bytes.count
            if !piece.isEmpty, piece.count >= resources || size + own > bytes { close(nil) }
            piece.append(change)
            size += own
        }
        close(summary)
        return pieces
    }
}
