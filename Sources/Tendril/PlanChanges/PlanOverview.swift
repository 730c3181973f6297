import Domain
import Foundation

/// What a plan changes, without values: the first of two readings of a plan that may be large.
struct PlanOverview {
    enum List: Hashable {
        case changes, drift, deferred
    }

    /// The place of an entry in the plan's JSON.
    struct Key: Hashable {
        var list: List
        var index: Int
    }

    struct Entry {
        var key: Key
        var head: PlannedResource

        var list: List { key.list }
    }

    private(set) var entries: [Entry] = []
    /// Resources that stay as they are.
    private(set) var unchanged = 0
    private(set) var isErrored = false
    /// Why changes are put off, by their index.
    private(set) var deferrals: [Int: String] = [:]
    /// Addresses, without instance keys, of resources whose drift the plan takes into account.
    private var relevant: Set<String> = []

    init(_ data: Data) throws {
        var entries: [Entry] = []
        try Self.visit(data) { key, cursor in
            let head = try PlannedResource.head(&cursor)
            entries.append(Entry(key: key, head: head))
        }
        self.entries = entries
        unchanged = entries.count { $0.list == .changes && $0.head.action == .noOp }
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "errored": isErrored = try cursor.isTrue()
                case "deferred_changes":
                    var index = 0
                    try cursor.elements { cursor in
                        defer { index += 1 }
                        try cursor.members { name, cursor in
                            if name == "reason" { deferrals[index] = try cursor.string() } else { try cursor.skip() }
                        }
                    }
                case "relevant_attributes":
                    try cursor.elements { cursor in
                        try cursor.members { name, cursor in
                            guard name == "resource" else { return try cursor.skip() }
                            if let address = try cursor.string() { relevant.insert(address) }
                        }
                    }
                default: try cursor.skip()
                }
            }
        }
    }

    /// Whether the plan uses an attribute of the resource.
    func isRelevant(_ resource: PlannedResource) -> Bool {
        relevant.contains(resource.address) || relevant.contains(Self.withoutKey(resource.address))
    }

    /// The address without the instance key at its end.
    private static func withoutKey(_ address: String) -> String {
        guard address.hasSuffix("]"), let open = address.lastIndex(of: "[") else { return address }
        return String(address[..<open])
    }

    /// Visits every resource of the plan; `visit` must step over each exactly once.
    static func visit(_ data: Data, _ visit: (Key, inout JSONCursor) throws -> Void) throws {
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                let list: List
                switch name {
                case "resource_changes": list = .changes
                case "resource_drift": list = .drift
                case "deferred_changes": list = .deferred
                default: return try cursor.skip()
                }
                var index = 0
                try cursor.elements { cursor in
                    defer { index += 1 }
                    let key = Key(list: list, index: index)
                    guard list == .deferred else { return try visit(key, &cursor) }
                    try cursor.members { name, cursor in
                        if name == "resource_change" { try visit(key, &cursor) } else { try cursor.skip() }
                    }
                }
            }
        }
    }
}
