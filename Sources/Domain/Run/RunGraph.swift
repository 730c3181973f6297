/// What a plan will do, and which of its resources wait for which others.
///
/// Dependencies are those of the configuration, so they are kept for groups: a group is all instances of one resource
/// block, such as `module.db.aws_instance.node`.
public struct RunGraph: Hashable, Codable, Sendable {
    public struct Node: Hashable, Codable, Sendable {
        public var address: String
        public var action: PlanAction
        /// An index into ``RunGraph/groups``.
        public var group: Int

        public init(address: String, action: PlanAction, group: Int) {
            self.address = address
            self.action = action
            self.group = group
        }
    }

    public var nodes: [Node]
    /// Addresses of resource blocks.
    public var groups: [String]
    /// For each group, the groups that it depends on.
    public var dependencies: [[Int]]
    /// Nodes that were left out at a limit.
    public var omitted: Int

    public init(nodes: [Node] = [], groups: [String] = [], dependencies: [[Int]] = [], omitted: Int = 0) {
        self.nodes = nodes
        self.groups = groups
        self.dependencies = dependencies
        self.omitted = omitted
    }

    /// The maximum number of dependencies over all groups.
    public static let maximumDependencies = 50_000
    /// The maximum size of a graph in JSON.
    public static let maximumBytes = 4 << 20

    /// Without what exceeds the limits or refers to nothing.
    public var bounded: RunGraph {
        var graph = self
        graph.groups = Array(groups.prefix(RunResource.maximumCount))
        let fits = nodes.filter {
            $0.address.utf8.count <= RunResource.addressBytes && graph.groups.indices.contains($0.group)
        }
        graph.nodes = Array(fits.prefix(RunResource.maximumCount))
        graph.omitted = max(0, omitted) + nodes.count - graph.nodes.count
        var left = Self.maximumDependencies
        graph.dependencies = graph.groups.indices.map { group in
            guard dependencies.indices.contains(group) else { return [] }
            let valid = dependencies[group].filter { graph.groups.indices.contains($0) && $0 != group }.prefix(left)
            left -= valid.count
            return Array(valid)
        }
        return graph
    }

    /// The resource block of an instance: `module.a["x"].b.c[0]` is of `module.a.b.c`.
    public static func block(of address: String) -> String {
        var block: [UInt8] = []
        var isIndex = false
        var isQuoted = false
        var isEscaped = false
        for byte in address.utf8 {
            if isIndex {
                if isEscaped {
                    isEscaped = false
                } else if isQuoted, byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted.toggle()
                } else if byte == UInt8(ascii: "]"), !isQuoted {
                    isIndex = false
                }
            } else if byte == UInt8(ascii: "[") {
                isIndex = true
            } else {
                block.append(byte)
            }
        }
        return String(decoding: block, as: UTF8.self)
    }

    /// The type in the address of a resource: `aws_instance` of `module.a.data.aws_instance.b[0]`.
    public static func type(of address: String) -> String { partsBelowModules(of: address).first ?? "" }

    /// The same; nil for an address that names no resource, such as a module's.
    public static func resourceType(of address: String) -> String? {
        let parts = partsBelowModules(of: address)
        return parts.count >= 2 && parts[0] != "module" ? parts[0] : nil
    }

    /// Type and name, if the address has them.
    private static func partsBelowModules(of address: String) -> [String] {
        var parts = block(of: address).split(separator: ".")[...]
        while parts.first == "module", parts.count > 2 { parts = parts.dropFirst(2) }
        if let mode = parts.first, mode == "data" || mode == "ephemeral" { parts = parts.dropFirst() }
        return parts.map(String.init)
    }
}
