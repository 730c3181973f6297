/// Counts of what a plan does.
public struct PlannedChanges: Hashable, Sendable {
    public var add: Int
    public var change: Int
    public var destroy: Int
    /// Resources taken into the state that exist already.
    public var imports: Int
    /// Resources with a new address; those may change as well.
    public var moves: Int
    /// Resources that leave the state and are not destroyed.
    public var forgets: Int
    /// Outputs of the root module whose value changes.
    public var outputs: Int
    /// Resources whose real state is taken over by a refresh-only plan.
    public var drift: Int

    public init(
        add: Int = 0, change: Int = 0, destroy: Int = 0, imports: Int = 0, moves: Int = 0, forgets: Int = 0,
        outputs: Int = 0, drift: Int = 0
    ) {
        self.add = add
        self.change = change
        self.destroy = destroy
        self.imports = imports
        self.moves = moves
        self.forgets = forgets
        self.outputs = outputs
        self.drift = drift
    }

    /// True if the plan has nothing to apply.
    public var isEmpty: Bool { self == PlannedChanges() }

    /// True if the state must differ after the changes were applied. An update alone may leave it as it was: some
    /// providers read back the value that they had before.
    public var mustChangeState: Bool { add + destroy + imports + moves + forgets + outputs + drift > 0 }

    /// `1 to import, 3 to add, 0 to change, 1 to destroy, 2 outputs change`, or `no changes`.
    public var sentence: String {
        var parts: [String] = []
        if imports > 0 { parts.append("\(imports) to import") }
        if add + change + destroy > 0 { parts.append("\(add) to add, \(change) to change, \(destroy) to destroy") }
        if forgets > 0 { parts.append("\(forgets) to forget") }
        if moves > 0 { parts.append("\(moves) moved") }
        if outputs > 0 { parts.append(outputs == 1 ? "1 output changes" : "\(outputs) outputs change") }
        if drift > 0 { parts.append("\(drift) to update in the state") }
        return parts.isEmpty ? "no changes" : parts.joined(separator: ", ")
    }
}

extension PlannedChanges: Codable {
    private enum CodingKeys: String, CodingKey {
        case add, change, destroy, `import`, move, forget, outputs, drift
    }

    /// Plans of earlier versions have the first three counts only.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func optional(_ key: CodingKeys) throws -> Int { try container.decodeIfPresent(Int.self, forKey: key) ?? 0 }
        self.init(
            add: try container.decode(Int.self, forKey: .add), change: try container.decode(Int.self, forKey: .change),
            destroy: try container.decode(Int.self, forKey: .destroy), imports: try optional(.import),
            moves: try optional(.move), forgets: try optional(.forget), outputs: try optional(.outputs),
            drift: try optional(.drift))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(add, forKey: .add)
        try container.encode(change, forKey: .change)
        try container.encode(destroy, forKey: .destroy)
        try container.encode(imports, forKey: .import)
        try container.encode(moves, forKey: .move)
        try container.encode(forgets, forKey: .forget)
        try container.encode(outputs, forKey: .outputs)
        if drift > 0 { try container.encode(drift, forKey: .drift) }
    }
}

extension PlannedChanges {
    /// The member `changes` of a job's metadata; nil if it does not hold counts.
    public init?(metadata: JSONValue) {
        guard let changes = metadata["changes"], let add = changes["add"]?.integerValue,
            let change = changes["change"]?.integerValue, let destroy = changes["destroy"]?.integerValue
        else { return nil }
        func count(_ name: String) -> Int { Int(clamping: changes[name]?.integerValue ?? 0) }
        self.init(
            add: Int(clamping: add), change: Int(clamping: change), destroy: Int(clamping: destroy),
            imports: count("import"), moves: count("move"), forgets: count("forget"), outputs: count("outputs"),
            drift: count("drift"))
    }

    /// As in a job's metadata.
    public var metadata: JSONValue {
        var members: [String: JSONValue] = [
            "add": .integer(Int64(add)), "change": .integer(Int64(change)), "destroy": .integer(Int64(destroy)),
            "import": .integer(Int64(imports)), "move": .integer(Int64(moves)), "forget": .integer(Int64(forgets)),
            "outputs": .integer(Int64(outputs)),
        ]
        if drift > 0 { members["drift"] = .integer(Int64(drift)) }
        return .object(members)
    }
}
