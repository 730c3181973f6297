import Domain
import Foundation

/// One entry of a plan's `resource_changes` or `resource_drift`, in clear.
struct PlannedResource {
    var address = ""
    var previousAddress: String?
    var module = ""
    var type = ""
    var deposed: String?
    var reason: String?
    var actions: [String] = []
    var importing: String?
    var isImported = false
    var forces: [AttributePath] = []
    var sides = AttributeDiff.Sides()
    /// A tree was too large, too deep or malformed: the attributes are unknown.
    var isUnreadable = false

    /// Encoded bytes of one of the trees.
    static let treeBytes = 4 << 20

    /// Without the trees, which are stepped over.
    static func head(_ cursor: inout JSONCursor) throws -> PlannedResource { try read(&cursor, withTrees: false) }

    static func whole(_ cursor: inout JSONCursor) throws -> PlannedResource { try read(&cursor, withTrees: true) }

    private static func read(_ cursor: inout JSONCursor, withTrees: Bool) throws -> PlannedResource {
        var resource = PlannedResource()
        try cursor.members { name, cursor in
            switch name {
            case "address": resource.address = try cursor.string() ?? ""
            case "previous_address": resource.previousAddress = try cursor.string()
            case "module_address": resource.module = try cursor.string() ?? ""
            case "type": resource.type = try cursor.string() ?? ""
            case "deposed": resource.deposed = try cursor.string()
            case "action_reason": resource.reason = try cursor.string()
            case "change": try resource.readChange(&cursor, withTrees: withTrees)
            default: try cursor.skip()
            }
        }
        if resource.previousAddress == resource.address || resource.previousAddress == "" {
            resource.previousAddress = nil
        }
        return resource
    }

    /// An entry of `output_changes`, which is a change without a resource.
    static func output(_ cursor: inout JSONCursor) throws -> PlannedResource {
        var output = PlannedResource()
        try output.readChange(&cursor, withTrees: true)
        return output
    }

    private mutating func readChange(_ cursor: inout JSONCursor, withTrees: Bool) throws {
        try cursor.members { name, cursor in
            switch name {
            case "actions": try cursor.elements { if let action = try $0.string() { actions.append(action) } }
            case "importing":
                try cursor.members { name, cursor in
                    isImported = true
                    if name == "id" { importing = try cursor.string() } else { try cursor.skip() }
                }
            case "before" where withTrees: sides.before = try tree(&cursor)
            case "after" where withTrees: sides.after = try tree(&cursor)
            case "after_unknown" where withTrees: sides.unknown = Unknowns(try tree(&cursor))
            case "before_sensitive" where withTrees: sides.beforeSensitive = Sensitivity(try tree(&cursor))
            case "after_sensitive" where withTrees: sides.afterSensitive = Sensitivity(try tree(&cursor))
            case "replace_paths" where withTrees:
                if case .array(let paths) = try tree(&cursor) {
                    forces = paths.prefix(100).compactMap(AttributePath.init)
                }
            default: try cursor.skip()
            }
        }
    }

    /// A tree that can't be read makes the whole resource unreadable: without one of them, the others can't be shown.
    private mutating func tree(_ cursor: inout JSONCursor) throws -> JSONValue? {
        do {
            guard let read = try cursor.value(limit: Self.treeBytes, maxDepth: JSONDepth.request) else {
                isUnreadable = true
                return nil
            }
            if read.isCut { isUnreadable = true }
            return read.value
        } catch is JSONError {
            isUnreadable = true
            return nil
        }
    }

    var action: PlanAction {
        if let known = PlanAction(engine: actions) { return known }
        return switch actions {
        case ["create", "forget"], ["forget", "create"]: .replaceCreateFirst
        case ["no-op"], []: isImported ? .import : previousAddress != nil ? .move : .noOp
        // An action of a newer engine.
        default: actions.contains("delete") ? .delete : .update
        }
    }

    /// In the order in which people should read: what loses data first, then by module, then by address.
    static func isBefore(_ one: PlannedResource, _ other: PlannedResource) -> Bool {
        let (rank, theirs) = (one.action.rank, other.action.rank)
        if rank != theirs { return rank < theirs }
        if one.module != other.module { return NaturalOrder(one.module) < NaturalOrder(other.module) }
        if one.address != other.address { return NaturalOrder(one.address) < NaturalOrder(other.address) }
        return (one.deposed ?? "") < (other.deposed ?? "")
    }
}

extension PlanAction {
    /// Both replacements are one group.
    fileprivate var rank: Int {
        self == .replaceDeleteFirst ? 0 : PlanAction.allCases.firstIndex(of: self).map { $0 - 1 } ?? 0
    }
}
