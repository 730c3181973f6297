/// Fits a job's metadata into a bound. What does not fit is cut by name; the facts that are small stay.
///
/// The Tendril uses it before it reports, and Trellis before it stores: the end of a job can be reported whatever its
/// metadata holds.
public struct JobMetadata: Hashable, Sendable {
    /// The bytes that Trellis stores of one job's metadata.
    public static let storedBytes = 1 << 20
    /// The bytes of metadata that a Tendril reports. The rest of a report is bounded too, so that the whole stays below
    /// ``storedBytes``.
    public static let reportedBytes = 768 << 10
    /// Names in ``truncated``; the last one counts the others.
    public static let nameLimit = 100

    /// Stands in place of an output that was cut.
    public static let tooLarge: JSONValue = "(too large)"

    /// An object.
    public private(set) var value: JSONValue
    /// What was cut, by name: `outputs.kubeconfig`, `resources`.
    public private(set) var truncated: [String] = []
    private var noted: Set<String> = []

    public init(_ value: JSONValue, truncated: [String] = [], limit: Int) {
        if case .object = value { self.value = value } else { self.value = .object([:]) }
        for name in truncated { note(name) }
        fit(limit)
        if self.truncated.count > Self.nameLimit {
            let more = self.truncated.count - Self.nameLimit + 1
            self.truncated.removeLast(more)
            self.truncated.append("\(more) more")
        }
        self.truncated = self.truncated.map { $0.shortened(toBytes: 300) }
    }

    /// The members that may be large, each with its own share; everything else has one together.
    private static let outputs = "outputs"
    private static let resources = "resources"

    private mutating func fit(_ limit: Int) {
        guard case .object(var members) = value, value.encodedBytes > limit else { return }
        let outputs = members.removeValue(forKey: Self.outputs)
        let resources = members.removeValue(forKey: Self.resources)
        // Braces, the two names, and the count of resources that were cut.
        let shares = Self.shares(
            of: max(0, limit - 100),
            among: [JSONValue.object(members).encodedBytes, outputs?.encodedBytes ?? 0, resources?.encodedBytes ?? 0])
        var fitted = cutMembers(members, to: shares[0])
        if let outputs { fitted[Self.outputs] = cutOutputs(outputs, to: shares[1]) }
        if let resources {
            let (kept, omitted) = cutList(resources, to: shares[2])
            fitted[Self.resources] = kept
            if omitted > 0 {
                let before = fitted["resources_omitted"]?.integerValue ?? 0
                fitted["resources_omitted"] = .integer(before + Int64(omitted))
            }
        }
        value = .object(fitted)
    }

    /// Small ones get all that they want; what they leave is shared by the others.
    static func shares(of limit: Int, among wanted: [Int]) -> [Int] {
        var shares = wanted
        var left = limit
        let order = wanted.indices.sorted { wanted[$0] < wanted[$1] }
        for (place, index) in order.enumerated() {
            shares[index] = min(wanted[index], left / (order.count - place))
            left -= shares[index]
        }
        return shares
    }

    /// Leaves out the largest members until the rest fits.
    private mutating func cutMembers(_ members: [String: JSONValue], to limit: Int) -> [String: JSONValue] {
        var members = members
        for (name, bytes) in Self.excess(members, to: limit) where bytes > 0 {
            members[name] = nil
            note(name)
        }
        return members
    }

    /// Marks the largest outputs as too large until the rest fits; if there are too many marks, drops the last ones.
    private mutating func cutOutputs(_ value: JSONValue, to limit: Int) -> JSONValue {
        guard case .object(var outputs) = value else {
            guard value.encodedBytes > limit else { return value }
            note(Self.outputs)
            return Self.tooLarge
        }
        for (name, _) in Self.excess(outputs, to: limit, replacement: Self.tooLarge.encodedBytes) {
            outputs[name] = Self.tooLarge
            note("\(Self.outputs).\(name)")
        }
        if JSONValue.object(outputs).encodedBytes > limit {
            note(Self.outputs)
            var left = limit - 2
            let kept = outputs.sorted { $0.key < $1.key }.prefix { name, value in
                left -= Self.bytes(name, value)
                return left >= 0
            }
            outputs = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
        }
        return .object(outputs)
    }

    /// Keeps the beginning of a list; also says how many elements that leaves out.
    private mutating func cutList(_ value: JSONValue, to limit: Int) -> (JSONValue, omitted: Int) {
        guard value.encodedBytes > limit else { return (value, 0) }
        note(Self.resources)
        guard case .array(let items) = value else { return (.array([]), 0) }
        var left = limit - 2
        let kept = items.prefix { item in
            left -= item.encodedBytes + 1
            return left >= 0
        }
        return (.array(Array(kept)), items.count - kept.count)
    }

    private mutating func note(_ name: String) {
        if noted.insert(name).inserted { truncated.append(name) }
    }

    /// The largest members that must go, so that the rest has at most `limit` bytes.
    private static func excess(
        _ members: [String: JSONValue], to limit: Int, replacement: Int = 0
    ) -> [(name: String, bytes: Int)] {
        let sizes = members.map { (name: $0.key, bytes: bytes($0.key, $0.value), value: $0.value.encodedBytes) }
            .sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
        var total = 2 + sizes.reduce(0) { $0 + $1.bytes }
        var gone: [(name: String, bytes: Int)] = []
        for member in sizes where total > limit && member.value > replacement {
            total -= replacement > 0 ? member.value - replacement : member.bytes
            gone.append((member.name, member.bytes))
        }
        return gone
    }

    private static func bytes(_ name: String, _ value: JSONValue) -> Int {
        JSONValue.string(name).encodedBytes + value.encodedBytes + 2
    }
}

extension JSONValue {
    /// Bytes of the value as JSON, at the most.
    public var encodedBytes: Int {
        switch self {
        case .string(let text): Self.encodedBytes(of: text)
        case .array(let items): 2 + items.reduce(0) { $0 + $1.encodedBytes + 1 }
        case .object(let members):
            2 + members.reduce(0) { $0 + Self.encodedBytes(of: $1.key) + $1.value.encodedBytes + 2 }
        default: bytes.count
        }
    }

    private static func encodedBytes(of text: String) -> Int {
        var bytes = 2
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes += 2
            case ..<0x20, 0x7f: bytes += 6
            default: bytes += 1
            }
        }
        return bytes
    }
}
