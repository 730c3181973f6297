import Domain
import Foundation

/// Reads from a plan's JSON (`show -json`) what will be done to which resource, and which wait for which others.
///
/// Dependencies come from the references and `depends_on` of the configuration, followed through variables and outputs of
/// modules, and from the dependencies that the state remembers. Local values are not in the JSON, so what is connected
/// only by one shows no dependency.
enum PlanGraph {
    /// References and depends_on entries that are read of one plan.
    private static let maximumReferences = 200_000
    /// Modules in modules.
    private static let maximumDepth = 50

    static func read(_ data: Data) throws -> RunGraph {
        var reader = Reader()
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "resource_changes": try cursor.elements { try reader.readChange(&$0) }
                case "configuration":
                    try cursor.members { name, cursor in
                        if name == "root_module" {
                            try reader.readModule(&cursor, "", depth: 0)
                        } else {
                            try cursor.skip()
                        }
                    }
                case "prior_state":
                    try cursor.members { name, cursor in
                        guard name == "values" else { return try cursor.skip() }
                        try cursor.members { name, cursor in
                            if name == "root_module" {
                                try reader.readState(&cursor, depth: 0)
                            } else {
                                try cursor.skip()
                            }
                        }
                    }
                default: try cursor.skip()
                }
            }
        }
        return reader.graph()
    }

    private struct Reader {
        var nodes: [(address: String, action: PlanAction)] = []
        var omitted = 0
        /// What each block, variable (`module.a.var.b`) and output (`module.a.output.b`) refers to, by full address.
        var references: [String: Set<String>] = [:]
        var count = 0
        /// What is in a module, by its prefix.
        private var contents: [String: [String]] = [:]

        mutating func add(_ reference: String, to name: String) {
            guard count < maximumReferences, reference.utf8.count <= RunResource.addressBytes else { return }
            if references[name, default: []].insert(reference).inserted { count += 1 }
        }

        // MARK: - Changes

        mutating func readChange(_ cursor: inout JSONCursor) throws {
            var address = ""
            var actions: [String] = []
            var isImport = false
            var previous: String?
            try cursor.members { name, cursor in
                switch name {
                case "address": address = try cursor.string() ?? ""
                case "previous_address": previous = try cursor.string()
                case "change":
                    try cursor.members { name, cursor in
                        switch name {
                        case "actions":
                            try cursor.elements { if let action = try $0.string() { actions.append(action) } }
                        case "importing":
                            try cursor.members { _, cursor in
                                isImport = true
                                try cursor.skip()
                            }
                        default: try cursor.skip()
                        }
                    }
                default: try cursor.skip()
                }
            }
            let action =
                PlanAction(engine: actions)
                ?? (isImport ? .import : previous.map { $0 != address } == true ? .move : nil)
            // The engine prints nothing for what it forgets or moves.
            guard let action, action != .forget, action != .move, !address.isEmpty else { return }
            guard nodes.count < RunResource.maximumCount, address.utf8.count <= RunResource.addressBytes else {
                omitted += 1
                return
            }
            nodes.append((address, action))
        }

        // MARK: - Configuration

        mutating func readModule(_ cursor: inout JSONCursor, _ module: String, depth: Int) throws {
            guard depth < maximumDepth else { return try cursor.skip() }
            try cursor.members { name, cursor in
                switch name {
                case "resources": try cursor.elements { try self.readResource(&$0, module) }
                case "outputs":
                    try cursor.members { name, cursor in
                        try self.readReferences(&cursor, of: "\(module)output.\(name)", in: module, depth: 0)
                    }
                case "module_calls":
                    try cursor.members { name, cursor in try self.readCall(&cursor, name, in: module, depth: depth) }
                default: try cursor.skip()
                }
            }
        }

        private mutating func readCall(
            _ cursor: inout JSONCursor, _ name: String, in module: String, depth: Int
        ) throws {
            let inner = "\(module)module.\(name)."
            try cursor.members { member, cursor in
                switch member {
                case "expressions":
                    try cursor.members { variable, cursor in
                        try self.readReferences(&cursor, of: "\(inner)var.\(variable)", in: module, depth: 0)
                    }
                case "count_expression", "for_each_expression":
                    try self.readReferences(&cursor, of: "\(inner)*", in: module, depth: 0)
                case "depends_on":
                    try cursor.elements { if let text = try $0.string() { self.add(module + text, to: "\(inner)*") } }
                case "module": try self.readModule(&cursor, inner, depth: depth + 1)
                default: try cursor.skip()
                }
            }
        }

        private mutating func readResource(_ cursor: inout JSONCursor, _ module: String) throws {
            // The address comes first, but nothing promises that.
            var address = ""
            var found: [String] = []
            try cursor.members { name, cursor in
                switch name {
                case "address": address = try cursor.string() ?? ""
                case "depends_on": try cursor.elements { if let text = try $0.string() { found.append(text) } }
                case "expressions", "provisioners", "count_expression", "for_each_expression":
                    try self.collect(&cursor, into: &found, depth: 0)
                default: try cursor.skip()
                }
            }
            guard !address.isEmpty else { return }
            for text in found { add(module + text, to: module + address) }
            // What its whole module waits for.
            if !module.isEmpty { add("\(module)*", to: module + address) }
        }

        private mutating func readReferences(
            _ cursor: inout JSONCursor, of name: String, in module: String, depth: Int
        ) throws {
            var found: [String] = []
            try collect(&cursor, into: &found, depth: depth)
            for text in found { add(module + text, to: name) }
        }

        /// The texts of a list, without those that another one of the list says more precisely: beside `module.a.b` there
        /// is always `module.a`.
        private static func references(_ cursor: inout JSONCursor) throws -> [String] {
            var list: [String] = []
            try cursor.elements { if let text = try $0.string(), list.count < 1000 { list.append(text) } }
            return list.filter { text in !list.contains { $0.hasPrefix(text + ".") || $0.hasPrefix(text + "[") } }
        }

        /// All texts of lists that are called `references`, however deep.
        private func collect(_ cursor: inout JSONCursor, into found: inout [String], depth: Int) throws {
            guard depth < maximumDepth, found.count < maximumReferences else { return try cursor.skip() }
            var list = found
            try cursor.membersOrElements { name, cursor in
                if name == "references" {
                    list += try Self.references(&cursor)
                } else if name == "constant_value" {
                    try cursor.skip()
                } else {
                    try self.collect(&cursor, into: &list, depth: depth + 1)
                }
            }
            found = list
        }

        // MARK: - State

        mutating func readState(_ cursor: inout JSONCursor, depth: Int) throws {
            guard depth < maximumDepth else { return try cursor.skip() }
            try cursor.members { name, cursor in
                switch name {
                case "resources":
                    try cursor.elements { cursor in
                        var address = ""
                        var found: [String] = []
                        try cursor.members { name, cursor in
                            switch name {
                            case "address": address = try cursor.string() ?? ""
                            case "depends_on":
                                try cursor.elements { if let text = try $0.string() { found.append(text) } }
                            default: try cursor.skip()
                            }
                        }
                        let block = RunGraph.block(of: address)
                        for text in found { self.add(RunGraph.block(of: text), to: block) }
                    }
                case "child_modules": try cursor.elements { try self.readState(&$0, depth: depth + 1) }
                default: try cursor.skip()
                }
            }
        }

        // MARK: - The graph

        mutating func graph() -> RunGraph {
            var graph = RunGraph(omitted: omitted)
            var groups: [String: Int] = [:]
            for (address, action) in nodes {
                let block = RunGraph.block(of: address)
                let group = groups[block] ?? graph.groups.count
                if group == graph.groups.count {
                    groups[block] = group
                    graph.groups.append(block)
                }
                graph.nodes.append(RunGraph.Node(address: address, action: action, group: group))
            }
            var budget = maximumReferences * 4
            for (group, block) in graph.groups.enumerated() {
                let found = dependencies(of: block, groups, &budget)
                graph.dependencies.append(found.filter { $0 != group }.sorted())
            }
            return graph.bounded
        }

        /// The groups that `block` reaches, through what changes nothing but not through other groups.
        private mutating func dependencies(of block: String, _ groups: [String: Int], _ budget: inout Int) -> Set<Int> {
            var found: Set<Int> = []
            var seen: Set<String> = [block]
            var open = [block]
            while let name = open.popLast(), budget > 0 {
                for reference in references[name] ?? [] {
                    budget -= 1
                    for target in targets(of: reference) where seen.insert(target).inserted {
                        if let group = groups[target] { found.insert(group) } else { open.append(target) }
                    }
                }
            }
            return found
        }

        /// What a reference may name: `a.b.c` is the block `a.b`, `module.a.c` the output `c` of a module.
        private mutating func targets(of reference: String) -> [String] {
            if references[reference] != nil { return [reference] }
            let parts = RunGraph.block(of: reference).split(separator: ".").map(String.init)
            var module = ""
            var index = 0
            while index + 1 < parts.count, parts[index] == "module" {
                module += "module.\(parts[index + 1])."
                index += 2
            }
            let rest = parts[index...]
            guard let first = rest.first else {
                // A module as a whole: all that is in it.
                if let known = contents[module] { return known }
                let found = references.keys.filter { $0.hasPrefix(module) }
                contents[module] = found
                return found
            }
            switch first {
            case "each", "count", "path", "self", "terraform", "local": return []
            case "var", "*": return [module + rest.prefix(2).joined(separator: ".")]
            case "data", "ephemeral": return rest.count >= 3 ? [module + rest.prefix(3).joined(separator: ".")] : []
            default:
                let output = "\(module)output.\(first)"
                if !module.isEmpty, references[output] != nil { return [output] }
                return rest.count >= 2 ? [module + rest.prefix(2).joined(separator: ".")] : []
            }
        }
    }
}

extension JSONCursor {
    /// Visits the members of an object, or the elements of a list with "" as their name. Any other value is stepped over.
    fileprivate mutating func membersOrElements(_ visit: (String, inout JSONCursor) throws -> Void) throws {
        if isArray() { try elements { try visit("", &$0) } } else { try members(visit) }
    }
}
