internal import Domain

extension Sensitivity {
    static let whole = Sensitivity(.bool(true))

    /// Steps of a path, and the index of an element: beyond, what holds it is sensitive as a whole.
    private static let stepLimit = 32
    private static let indexLimit = 10_000

    /// From a state's `sensitive_attributes`: a list of paths. What is not understood makes sensitive what it is in.
    init(statePaths: JSONValue) {
        guard case .array(let paths) = statePaths else {
            self = statePaths == .null ? .none : .whole
            return
        }
        var root = MarkedPart()
        for path in paths {
            guard case .array(let steps) = path else {
                self = .whole
                return
            }
            root.mark(steps.prefix(Self.stepLimit)[...])
        }
        self.init(root.tree)
    }

    /// The same marks in the form in which a state writes `value`: a value of a dynamic type stands in an object,
    /// `{"value": …, "type": …}`, which paths do not name. A mark that fits nowhere hides what it is in.
    func fitted(to value: JSONValue) -> Sensitivity {
        guard isAny, !isWhole else { return self }
        switch (tree, value) {
        case (.object(let marks), .object(let members)):
            let typed = Self.typedValue(in: members)
            var found: [String: JSONValue] = [:]
            for (name, mark) in marks where Sensitivity(mark).isAny {
                if let member = members[name] {
                    found[name] = Sensitivity(mark).fitted(to: member).tree ?? .bool(true)
                } else if typed == nil {
                    return .whole
                }
            }
            if let typed { found["value"] = Sensitivity(found["value"]).adding(fitted(to: typed)).tree ?? .bool(true) }
            return Sensitivity(.object(found))
        case (_, .object(let members)):
            guard let typed = Self.typedValue(in: members) else { return .whole }
            return Sensitivity(.object(["value": fitted(to: typed).tree ?? .bool(true)]))
        case (.array(let marks), .array(let items)):
            guard marks.count <= items.count else { return .whole }
            return Sensitivity(
                .array(zip(marks, items).map { Sensitivity($0).fitted(to: $1).tree ?? .bool(false) }))
        default: return .whole
        }
    }

    /// What an object of a value and its type holds; nil for any other object.
    private static func typedValue(in members: [String: JSONValue]) -> JSONValue? {
        members.count == 2 && members["type"] != nil ? members["value"] : nil
    }

    /// Sensitive where either is.
    func adding(_ other: Sensitivity) -> Sensitivity {
        if !other.isAny { return self }
        if !isAny { return other }
        switch (tree, other.tree) {
        case (.object(let one), .object(let two)):
            let merged = one.merging(two) { Sensitivity($0).adding(Sensitivity($1)).tree ?? .bool(false) }
            return Sensitivity(.object(merged))
        case (.array(let one), .array(let two)):
            let merged = (0..<max(one.count, two.count)).map { index in
                let (first, second) = (
                    one.indices.contains(index) ? one[index] : .bool(false),
                    two.indices.contains(index) ? two[index] : .bool(false)
                )
                return Sensitivity(first).adding(Sensitivity(second)).tree ?? .bool(false)
            }
            return Sensitivity(.array(merged))
        default: return .whole
        }
    }

    /// A value of which parts are marked.
    private struct MarkedPart {
        var isWhole = false
        var members: [String: MarkedPart] = [:]
        var elements: [Int: MarkedPart] = [:]

        mutating func mark(_ steps: ArraySlice<JSONValue>) {
            guard let step = steps.first else {
                isWhole = true
                return
            }
            switch Self.key(step) {
            case .name(let name)?: members[name, default: MarkedPart()].mark(steps.dropFirst())
            case .index(let index)?: elements[index, default: MarkedPart()].mark(steps.dropFirst())
            case nil: isWhole = true
            }
        }

        /// `{"type": "get_attr", "value": NAME}` or `{"type": "index", "value": {"type": …, "value": NAME or NUMBER}}`.
        private static func key(_ step: JSONValue) -> AttributePath.Step? {
            switch step["type"]?.stringValue {
            case "get_attr": return step["value"]?.stringValue.map { .name($0) }
            case "index":
                guard let value = step["value"]?["value"] else { return nil }
                if let name = value.stringValue { return .name(name) }
                guard let index = value.integerValue, (0...Int64(Sensitivity.indexLimit)).contains(index) else {
                    return nil
                }
                return .index(Int(index))
            default: return nil
            }
        }

        var tree: JSONValue {
            if isWhole || !members.isEmpty && !elements.isEmpty { return .bool(true) }
            if !members.isEmpty { return .object(members.mapValues(\.tree)) }
            guard let last = elements.keys.max() else { return .bool(false) }
            return .array((0...last).map { elements[$0]?.tree ?? .bool(false) })
        }
    }
}

/// Attributes that hold a secret by their name. Older engines write no marks for what only a provider's schema calls
/// sensitive.
enum SecretNames {
    private static let telling = [
        "password", "passwd", "passphrase", "secret_key", "client_secret", "secret_string", "private_key", "api_key",
        "access_token", "auth_token", "refresh_token", "connection_string", "kube_config", "kubeconfig",
    ]
    private static let whole: Set<String> = ["secret", "token", "bcrypt_hash", "secret_access_key", "credentials"]
    /// About a secret, and not one itself.
    private static let harmless = ["_length", "_id", "_arn", "_version", "_name", "_policy", "_enabled", "_wo"]

    /// Marks strings with such names, and what `random_password` makes.
    static func sensitivity(of value: JSONValue, type: String) -> Sensitivity {
        guard let tree = tree(of: value) else {
            return type == "random_password" ? Sensitivity(["result": true]) : .none
        }
        let found = Sensitivity(tree)
        return type == "random_password" ? found.adding(Sensitivity(["result": true])) : found
    }

    static func isTelling(_ name: String) -> Bool {
        let name = name.lowercased()
        guard !harmless.contains(where: name.hasSuffix) else { return false }
        return whole.contains(name) || telling.contains(where: name.contains)
    }

    /// nil where nothing is marked. The value is not deeper than ``JSONDepth/request``.
    private static func tree(of value: JSONValue) -> JSONValue? {
        switch value {
        case .object(let members):
            var marked: [String: JSONValue] = [:]
            for (name, member) in members {
                if case .string(let text) = member, !text.isEmpty, isTelling(name) {
                    marked[name] = true
                } else if let tree = tree(of: member) {
                    marked[name] = tree
                }
            }
            return marked.isEmpty ? nil : .object(marked)
        case .array(let items):
            let trees = items.map(tree)
            return trees.contains { $0 != nil } ? .array(trees.map { $0 ?? false }) : nil
        default: return nil
        }
    }
}
