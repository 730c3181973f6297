import Domain
import Foundation
import Wire

/// The part of a plan's JSON (`show -json`) that may leave this machine; the JSON contains all values in plain text:
/// counts, addresses and actions.
struct PlanSummary: Hashable, Sendable {
    struct Resource: Hashable, Sendable {
        var address: String
        var action: String
    }

    var changes = PlannedChanges()
    /// Failed `check` blocks, as the plan found them.
    var failedChecks = 0
    /// Resources that change, in the plan's order; at most as many as asked for.
    var resources: [Resource] = []
    /// The number of omitted resources.
    var omitted = 0

    static let listLimit = 500
    /// Bytes of one address in the list.
    static let addressBytes = 4 << 10

    static func read(
        _ data: Data, refreshOnly: Bool = false, listing limit: Int = listLimit
    ) throws -> PlanSummary {
        var summary = PlanSummary()
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "resource_changes":
                    try cursor.elements { summary.add(try Change.read(&$0), limit) }
                case "resource_drift" where refreshOnly:
                    // Only such a plan applies what it found; any other one has it in its changes.
                    try cursor.elements { cursor in
                        let drift = try Change.read(&cursor)
                        guard drift.isChange else { return }
                        summary.changes.drift += 1
                        summary.list(Resource(address: drift.address, action: "update state"), limit)
                    }
                case "output_changes":
                    try cursor.members { _, cursor in
                        if try Change.readActions(&cursor).isChange { summary.changes.outputs += 1 }
                    }
                case "checks": try cursor.elements { if try isFailedCheck(&$0) { summary.failedChecks += 1 } }
                default: try cursor.skip()
                }
            }
        }
        return summary
    }

    /// One entry of `resource_changes`.
    private struct Change {
        var address = ""
        var previousAddress: String?
        var actions: [String] = []
        var isImport = false

        var isChange: Bool { !actions.isEmpty && Set(actions) != ["no-op"] }

        static func read(_ cursor: inout JSONCursor) throws -> Change {
            var change = Change()
            try cursor.members { name, cursor in
                switch name {
                case "address": change.address = try cursor.string() ?? ""
                case "previous_address": change.previousAddress = try cursor.string()
                case "change":
                    let actions = try readActions(&cursor)
                    change.actions = actions.actions
                    change.isImport = actions.isImport
                default: try cursor.skip()
                }
            }
            return change
        }

        /// The object that says what happens: `change` of a resource, or an output's.
        static func readActions(_ cursor: inout JSONCursor) throws -> Change {
            var change = Change()
            try cursor.members { name, cursor in
                switch name {
                case "actions":
                    try cursor.elements { cursor in
                        if let action = try cursor.string() { change.actions.append(action) }
                    }
                case "importing":
                    // An object; null or absent if nothing is imported.
                    try cursor.members { _, cursor in
                        change.isImport = true
                        try cursor.skip()
                    }
                default: try cursor.skip()
                }
            }
            return change
        }
    }

    private static func isFailedCheck(_ cursor: inout JSONCursor) throws -> Bool {
        var isCheck = false
        var isFailed = false
        try cursor.members { name, cursor in
            switch name {
            case "address":
                try cursor.members { name, cursor in
                    if name == "kind" { isCheck = try cursor.string() == "check" } else { try cursor.skip() }
                }
            case "status": isFailed = try cursor.string() == "fail"
            default: try cursor.skip()
            }
        }
        return isCheck && isFailed
    }

    private mutating func add(_ change: Change, _ limit: Int) {
        let action: String? =
            switch Set(change.actions) {
            case ["create"]: "create"
            case ["update"]: "update"
            case ["delete"]: "delete"
            case ["create", "delete"], ["create", "forget"]: "replace"
            case ["forget"]: "forget"
            default: nil  // no-op, read
            }
        if change.actions.contains("create") { changes.add += 1 }
        if change.actions.contains("update") { changes.change += 1 }
        if change.actions.contains("delete") { changes.destroy += 1 }
        if change.actions.contains("forget") { changes.forgets += 1 }
        if change.isImport { changes.imports += 1 }
        let isMoved = change.previousAddress.map { !$0.isEmpty && $0 != change.address } ?? false
        if isMoved { changes.moves += 1 }
        guard let shown = action ?? (change.isImport ? "import" : isMoved ? "move" : nil) else { return }
        list(Resource(address: change.address, action: shown), limit)
    }

    private mutating func list(_ resource: Resource, _ limit: Int) {
        if resources.count < limit { resources.append(resource) } else { omitted += 1 }
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
