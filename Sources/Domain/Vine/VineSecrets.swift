/// The sensitive values of a vine: stored encrypted, given only to the holder of a lease.
public struct VineSecrets: Hashable, Codable, Sendable {
    /// Values of sensitive variables: text, or any JSON value.
    public var variables: [String: JSONValue]
    public var environment: [String: String]

    public init(variables: [String: JSONValue] = [:], environment: [String: String] = [:]) {
        self.variables = variables
        self.environment = environment
    }

    public var isEmpty: Bool { variables.isEmpty && environment.isEmpty }

    /// The minimum length of a secret; shorter values would mask ordinary text, in characters.
    public static let minimumMaskableLength = 6
}

extension VineSecrets {
    /// A text or a number in a sensitive value: what a job's output must not show.
    public struct Leaf: Hashable, Sendable {
        /// How people name it: `token`, `db.port`, `keys[2]`.
        public var place: String
        /// A number has all its digits, and no exponent.
        public var text: String

        /// It differs from ordinary output.
        public var isMaskable: Bool {
            let first = text.unicodeScalars.firstIndex { !$0.properties.isWhitespace } ?? text.endIndex
            let last = text.unicodeScalars.lastIndex { !$0.properties.isWhitespace } ?? first
            let length = text.unicodeScalars.distance(from: first, to: last) + (first == text.endIndex ? 0 : 1)
            return length >= VineSecrets.minimumMaskableLength
        }
    }

    /// All texts and numbers, by name. `true`, `false` and `null` tell nothing that could be hidden.
    public var leaves: [Leaf] {
        variables.sorted { $0.key < $1.key }.flatMap { Self.leaves(of: $0.value, at: $0.key) }
            + environment.sorted { $0.key < $1.key }.map { Leaf(place: $0.key, text: $0.value) }
    }

    private static func leaves(of value: JSONValue, at place: String) -> [Leaf] {
        switch value {
        case .null, .bool: []
        case .string(let text): [Leaf(place: place, text: text)]
        case .integer(let number): [Leaf(place: place, text: String(number))]
        case .number(let number):
            [Leaf(place: place, text: DecimalNumber("\(number)")?.plain ?? "\(number)")]
        case .array(let items):
            items.enumerated().flatMap { leaves(of: $0.element, at: "\(place)[\($0.offset)]") }
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { name, member in
                let isPlain = name.allSatisfy { $0.isLetter || $0.isNumber || "_-".contains($0) }
                return leaves(of: member, at: isPlain ? "\(place).\(name)" : "\(place)[\"\(name)\"]")
            }
        }
    }

    /// What to know about the values, in sentences: short ones are in the logs for everybody to read.
    public var warnings: [String] {
        let short = leaves.filter { !$0.isMaskable && !$0.text.isEmpty }.map(\.place)
        guard !short.isEmpty else { return [] }
        return [
            "Not masked, because shorter than \(Self.minimumMaskableLength) characters: \(Self.list(short))."
        ]
    }

    /// Refuses a value of which nothing can be masked.
    func checkMaskable() throws(Refusal) {
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
            try Self.checkMaskable(Self.leaves(of: value, at: name))
        }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            try Self.checkMaskable([Leaf(place: name, text: value)])
        }
    }

    private static func checkMaskable(_ leaves: [Leaf]) throws(Refusal) {
        guard !leaves.isEmpty, !leaves.contains(where: \.isMaskable) else { return }
        throw Refusal(
            .invalid,
            "A sensitive value needs at least \(minimumMaskableLength) characters, because a shorter one can't be masked without "
                + "masking half of the log: \(list(leaves.map(\.place))).")
    }

    private static func list(_ places: [String]) -> String {
        let shown = places.prefix(20).map { $0.shortened(toBytes: 80) }.joined(separator: ", ")
        return places.count > 20 ? "\(shown), and \(places.count - 20) more" : shown
    }
}
