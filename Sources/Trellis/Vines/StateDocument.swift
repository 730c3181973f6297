internal import Domain
internal import Foundation

/// The parts of a state that people see, in clear: nothing of it leaves Trellis unredacted.
///
/// The state is scanned. Attributes are parsed only when they are asked for, one resource at a time, so that a large
/// state needs little more memory than its bytes.
struct StateDocument: Sendable {
    /// An instance of a managed resource, or a deposed object of one.
    struct Instance: Sendable {
        /// Two instances with one key are one resource.
        struct Key: Hashable, Sendable {
            var address: String
            var deposed: String?
        }

        var key: Key
        /// The module's address; empty for the root module.
        var module: String
        var type: String
        var isTainted = false
        /// Where they are in the document.
        fileprivate var attributes: Range<Int>?
        fileprivate var marks: Range<Int>?
    }

    struct Output: Sendable {
        var name: String
        var isSensitive = false
        fileprivate var value: Range<Int>?
    }

    private let bytes: Data
    private(set) var instances: [Instance] = []
    private(set) var outputs: [Output] = []
    /// There are more instances or outputs than the limits.
    private(set) var isCut = false

    /// The only format that is known.
    static let version: Int64 = 4
    static let instanceLimit = 20_000
    static let outputLimit = 1_000
    /// Bytes of the attributes of one instance, or of one output.
    static let valueBytes = 4 << 20

    /// - Throws: ``StateProblem``.
    init(_ state: Data) throws(StateProblem) {
        // Ranges count from 0.
        bytes = state.startIndex == 0 ? state : Data(state)
        var version: Int64?
        var instances: [Instance] = []
        var outputs: [Output] = []
        var isCut = false
        do {
            try JSONCursor.read(bytes) { cursor in
                try cursor.members { name, cursor in
                    switch name {
                    case "version": version = try cursor.integer()
                    case "outputs":
                        try cursor.members { name, cursor in
                            let output = try Self.output(name, &cursor)
                            if outputs.count < Self.outputLimit { outputs.append(output) } else { isCut = true }
                        }
                    case "resources":
                        try cursor.elements { cursor in
                            let left = Self.instanceLimit - instances.count
                            let found = try Self.resource(&cursor, limit: left, isCut: &isCut)
                            instances += found
                        }
                    default: try cursor.skip()
                    }
                }
            }
        } catch {
            throw .unreadable
        }
        guard version == Self.version else { throw .version(version) }
        self.instances = instances
        self.outputs = outputs
        self.isCut = isCut
    }

    private static func output(_ name: String, _ cursor: inout JSONCursor) throws -> Output {
        var output = Output(name: name)
        try cursor.members { name, cursor in
            switch name {
            case "value": output.value = try cursor.span()
            case "sensitive": output.isSensitive = try cursor.isTrue()
            default: try cursor.skip()
            }
        }
        return output
    }

    private static func resource(_ cursor: inout JSONCursor, limit: Int, isCut: inout Bool) throws -> [Instance] {
        var (module, mode, type, name) = ("", "", "", "")
        var instances: [(index: String, instance: Instance)] = []
        try cursor.members { member, cursor in
            switch member {
            case "module": module = try cursor.string() ?? ""
            case "mode": mode = try cursor.string() ?? ""
            case "type": type = try cursor.string() ?? ""
            case "name": name = try cursor.string() ?? ""
            case "instances":
                try cursor.elements { cursor in
                    guard instances.count < limit else {
                        isCut = true
                        return try cursor.skip()
                    }
                    instances.append(try instance(&cursor))
                }
            default: try cursor.skip()
            }
        }
        guard mode == "managed" else { return [] }
        let address = (module.isEmpty ? "" : module + ".") + "\(type).\(name)"
        return instances.map { index, instance in
            var instance = instance
            instance.key.address = address + index
            instance.module = module
            instance.type = type
            return instance
        }
    }

    private static func instance(_ cursor: inout JSONCursor) throws -> (index: String, instance: Instance) {
        var index = ""
        var instance = Instance(key: .init(address: "", deposed: nil), module: "", type: "")
        try cursor.members { name, cursor in
            switch name {
            case "index_key": index = try Self.index(&cursor)
            case "deposed": instance.key.deposed = try cursor.string()
            case "status": instance.isTainted = try cursor.string() == "tainted"
            case "attributes", "attributes_flat": instance.attributes = try cursor.span()
            case "sensitive_attributes": instance.marks = try cursor.span()
            default: try cursor.skip()
            }
        }
        return (index, instance)
    }

    /// The key of an instance as addresses have it: `[0]` or `["a"]`.
    private static func index(_ cursor: inout JSONCursor) throws -> String {
        guard let key = try cursor.value(limit: 64 << 10, maxDepth: 1)?.value else { return "[?]" }
        guard case .string(let text) = key else { return key == .null ? "" : "[\(key.text)]" }
        let quoted = JSONValue.string(text).text.replacing("${", with: "$${").replacing("%{", with: "%%{")
        return "[\(quoted)]"
    }

    // MARK: - Values

    /// Attributes with what of them is sensitive; nil where there are none, or they are too large.
    func attributes(of instance: Instance) -> (value: JSONValue, sensitivity: Sensitivity, isCut: Bool)? {
        guard let range = instance.attributes, let read = value(in: range) else { return nil }
        return (read.value, sensitivity(of: instance, read.value), read.isCut)
    }

    private func sensitivity(of instance: Instance, _ value: JSONValue) -> Sensitivity {
        marks(of: instance).fitted(to: value).adding(SecretNames.sensitivity(of: value, type: instance.type))
    }

    /// What the engine marks; all of it where the marks can't be read.
    private func marks(of instance: Instance) -> Sensitivity {
        guard let range = instance.marks else { return .none }
        guard let marks = value(in: range) else { return .whole }
        return Sensitivity(statePaths: marks.value)
    }

    /// nil where there is none, or it is too large.
    func value(of output: Output) -> (value: JSONValue, isCut: Bool)? { output.value.flatMap(value) }

    private func value(in range: Range<Int>) -> (value: JSONValue, isCut: Bool)? {
        try? JSONCursor.read(bytes[range]) { try $0.value(limit: Self.valueBytes, maxDepth: JSONDepth.request) }
    }

    /// Whether both have the same bytes, which need no parsing.
    func hasSameBytes(_ instance: Instance, as other: Instance, in document: StateDocument) -> Bool {
        Self.same(instance.attributes, in: bytes, other.attributes, in: document.bytes)
            && Self.same(instance.marks, in: bytes, other.marks, in: document.bytes)
    }

    func hasSameBytes(_ output: Output, as other: Output, in document: StateDocument) -> Bool {
        output.isSensitive == other.isSensitive
            && Self.same(output.value, in: bytes, other.value, in: document.bytes)
    }

    private static func same(_ one: Range<Int>?, in bytes: Data, _ other: Range<Int>?, in others: Data) -> Bool {
        guard let one, let other else { return one == nil && other == nil }
        return bytes[one] == others[other]
    }

    /// Adds what the engine marks anywhere in the state: providers copy values without their marks.
    func collect(into texts: inout SensitiveTexts) {
        for instance in instances {
            guard let range = instance.attributes, instance.marks != nil else { continue }
            let marks = marks(of: instance)
            guard marks.isAny, let value = value(in: range) else { continue }
            texts.add(value.value, marks.fitted(to: value.value))
        }
        for output in outputs where output.isSensitive { texts.add(value(of: output)?.value, .whole) }
    }
}

/// Why a state can't be shown.
enum StateProblem: Error, Hashable {
    case unreadable
    /// The format; nil for a document that names none.
    case version(Int64?)

    var sentence: String {
        switch self {
        case .unreadable: "This version of the state is not valid JSON. It can only be downloaded."
        case .version(let version?):
            "This state has format version \(version), and this Vintner reads version \(StateDocument.version). "
                + "It can only be downloaded."
        case .version(nil):
            "This version of the state is not in a format that Vintner knows. It can only be downloaded."
        }
    }
}
