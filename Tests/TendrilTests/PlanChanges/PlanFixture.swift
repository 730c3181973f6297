import Domain
import Foundation
import Wire

@testable import Tendril

/// Plans in JSON, as `show -json` prints them.
enum PlanFixture {
    /// One resource that changes as `change` says.
    static func plan(_ change: String, address: String = "x.a", more: String = "", top: String = "") -> Data {
        Data(
            """
            {"format_version": "1.2", "resource_changes": [
              {"address": "\(address)", "mode": "managed", "type": "x", "name": "a", \(more) "change": \(change)}
            ]\(top.isEmpty ? "" : ", \(top)")}
            """.utf8)
    }

    static func read(
        _ data: Data, secrets: [String] = [], refreshOnly: Bool = false, limits: RedactedPlan.Limits = .init()
    ) throws -> RedactedPlan {
        try RedactedPlan(data, refreshOnly: refreshOnly, masker: Masker(secrets: secrets), limits: limits)
    }

    /// The leaves of the only resource: `path action before after`, with `!` for sensitive and `?` for unknown.
    static func leaves(_ data: Data, secrets: [String] = []) throws -> [String] {
        try leaves(of: read(data, secrets: secrets).changes.first)
    }

    static func leaves(of message: PlanChangeMessage?) -> [String] {
        guard case .array(let diff) = message?.detail["diff"] else { return [] }
        return diff.map { leaf in
            let sides = [leaf["before"], leaf["after"]].map { $0?.text ?? "-" }.joined(separator: " ")
            let marks = (leaf["sensitive"] == true ? "!" : "") + (leaf["unknown"] == true ? "?" : "")
            return "\(leaf["path"]?.stringValue ?? "") \(leaf["action"]?.stringValue ?? "") \(sides)"
                + (marks.isEmpty ? "" : " \(marks)")
        }
    }

    /// Everything that would be sent.
    static func sent(_ plan: RedactedPlan) throws -> String {
        try plan.pieces(epoch: 1).map { String(decoding: try WireJSON.encode($0), as: UTF8.self) }.joined()
    }
}
