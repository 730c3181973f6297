import Domain
import Foundation
import Wire

/// A report with every secret hidden, which is the only form in which one leaves this machine.
///
/// All text is masked, whatever field it is in; only the fields in ``structural`` are not, which hold no text. So a
/// field that is added to ``ReportStatusRequest`` later is masked automatically.
struct MaskedReport: Sendable {
    /// Fields that hold numbers, times, digests, or one of a few fixed words.
    static let structural: Set<String> = [
        "epoch", "status", "engine", "engine_state", "engine_started_at", "run_root", "planned_state", "log.digest",
        "outcome.result", "outcome.phase", "phases[].name", "phases[].started_at", "phases[].ended_at",
    ]
    /// Fields that hold nothing that the job printed or received. They are sent even after the secrets are gone.
    private static let own: Set<String> = ["resolved_commit", "log.incomplete"]

    let content: ReportStatusRequest

    init(_ report: ReportStatusRequest, _ masker: any TextMasking) throws {
        var rest = report
        rest.executionMetadata = nil
        let exempt = masker is WithholdingMasker ? Self.structural.union(Self.own) : Self.structural
        let fields = try JSONSerialization.jsonObject(with: try WireJSON.encode(rest))
        let masked = Self.masked(fields, at: "", exempt, masker)
        var content = try WireJSON.decode(
            ReportStatusRequest.self, from: try JSONSerialization.data(withJSONObject: masked, options: [.sortedKeys]))
        content.executionMetadata = report.executionMetadata.map { masker.mask($0) }
        self.content = content
    }

    private static func masked(
        _ value: Any, at path: String, _ exempt: Set<String>, _ masker: any TextMasking
    ) -> Any {
        if exempt.contains(path) { return value }
        if let text = value as? String { return masker.mask(text) }
        if let items = value as? [Any] { return items.map { masked($0, at: path + "[]", exempt, masker) } }
        guard let members = value as? [String: Any] else { return value }
        return Dictionary(
            uniqueKeysWithValues: members.map { name, member in
                (name, masked(member, at: path.isEmpty ? name : "\(path).\(name)", exempt, masker))
            })
    }
}
