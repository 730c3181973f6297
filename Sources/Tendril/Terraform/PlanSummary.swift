import Domain
import Foundation
import Wire

/// What leaves this machine of a plan's JSON (`show -json`), which holds every value in clear: counts, addresses and
/// actions.
struct PlanSummary: Hashable, Sendable {
    struct Resource: Hashable, Sendable {
        var address: String
        var action: String
    }

    var changes = PlannedChanges(add: 0, change: 0, destroy: 0)
    /// Resources that change, in the plan's order; at most as many as asked for.
    var resources: [Resource] = []
    /// How many more there are.
    var omitted = 0

    static let listLimit = 500

    static func read(_ data: Data, listing limit: Int = listLimit) throws -> PlanSummary {
        var summary = PlanSummary()
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                guard name == "resource_changes" else { return try cursor.skip() }
                try cursor.elements { cursor in
                    var address = ""
                    var actions: [String] = []
                    try cursor.members { name, cursor in
                        switch name {
                        case "address": address = try cursor.string() ?? ""
                        case "change":
                            try cursor.members { name, cursor in
                                guard name == "actions" else { return try cursor.skip() }
                                try cursor.elements { cursor in
                                    if let action = try cursor.string() { actions.append(action) }
                                }
                            }
                        default: try cursor.skip()
                        }
                    }
                    summary.add(address, actions, limit)
                }
            }
        }
        return summary
    }

    private mutating func add(_ address: String, _ actions: [String], _ limit: Int) {
        let action: String
        switch Set(actions) {
        case ["create"]: action = "create"
        case ["update"]: action = "update"
        case ["delete"]: action = "delete"
        case ["create", "delete"]: action = "replace"
        case ["create", "forget"]: action = "replace"
        case ["forget"]: action = "forget"
        default: return  // no-op, read
        }
        if actions.contains("create") { changes.add += 1 }
        if actions.contains("update") { changes.change += 1 }
        if actions.contains("delete") { changes.destroy += 1 }
        if resources.count < limit {
            resources.append(Resource(address: address, action: action))
        } else {
            omitted += 1
        }
    }

    /// `3 to add, 0 to change, 0 to destroy`.
    var sentence: String { changes.sentence }

    /// The members of the job's metadata.
    var metadata: JSONValue {
        var members: [String: JSONValue] = [
            "changes": changes.metadata,
            "resources": .array(
                resources.map { .object(["address": .string($0.address), "action": .string($0.action)]) }),
        ]
        if omitted > 0 { members["resources_omitted"] = .integer(Int64(omitted)) }
        return .object(members)
    }
}

extension PlannedChanges {
    var sentence: String { "\(add) to add, \(change) to change, \(destroy) to destroy" }

    var metadata: JSONValue {
        ["add": .integer(Int64(add)), "change": .integer(Int64(change)), "destroy": .integer(Int64(destroy))]
    }
}
