/// How one job runs its engine, as its creator asked for it. Part of the plan: a DEPLOY applies the plan as it was
/// made, and a re-run keeps the options.
public struct RunOptions: Hashable, Sendable {
    /// How much the engine logs about itself (`TF_LOG`).
    public enum LogLevel: String, CaseIterable, Sendable {
        case trace = "TRACE"
        case debug = "DEBUG"
        case info = "INFO"
        case warn = "WARN"
        case error = "ERROR"
    }

    /// Addresses that the plan is limited to, with what they depend on.
    public var targets: [String]
    /// Addresses of resources that are replaced.
    public var replace: [String]
    /// Takes what changed outside of the engine into the state, and changes nothing else.
    public var refreshOnly: Bool
    /// How many resources are worked on at a time; nil for the engine's default.
    public var parallelism: Int?
    public var logLevel: LogLevel?
    /// The phase whose identity a CONNECTION_TEST tries out.
    public var testedPhase: TokenPhase?

    public init(
        targets: [String] = [], replace: [String] = [], refreshOnly: Bool = false, parallelism: Int? = nil,
        logLevel: LogLevel? = nil, testedPhase: TokenPhase? = nil
    ) {
        self.testedPhase = testedPhase
        self.targets = targets
        self.replace = replace
        self.refreshOnly = refreshOnly
        self.parallelism = parallelism
        self.logLevel = logLevel
    }

    public var isEmpty: Bool { self == RunOptions() }

    // MARK: - Rules

    /// Targets, and resources to replace, of one job.
    public static let addressLimit = 100
    /// Bytes of one address.
    public static let addressBytes = 2048
    public static let parallelismRange = 1...256

    /// - Throws: ``Refusal`` `.invalid` with a sentence that names the option.
    public func check(for type: JobType) throws(Refusal) {
        guard (type == .connectionTest) == (testedPhase != nil) else {
            throw Refusal(.invalid, "A CONNECTION_TEST, and no other job, names a \"phase\": plan, apply or destroy.")
        }
        guard type != .connectionTest || self == RunOptions(testedPhase: testedPhase) else {
            throw Refusal(.invalid, "A CONNECTION_TEST runs no engine, so it has no run options.")
        }
        if type == .deploy, !isEmpty {
            throw Refusal(
                .invalid, "A DEPLOY applies its saved plan. Pass run options to the PLAN.")
        }
        if refreshOnly, !replace.isEmpty {
            throw Refusal(.invalid, "\"refresh_only\" and \"replace\" can't be combined.")
        }
        if type == .destroy, refreshOnly || !replace.isEmpty {
            throw Refusal(.invalid, "A DESTROY supports neither \"refresh_only\" nor \"replace\".")
        }
        try Self.check(targets, called: "targets", allowsModules: true)
        try Self.check(replace, called: "replace", allowsModules: false)
        if let parallelism, !Self.parallelismRange.contains(parallelism) {
            let range = Self.parallelismRange
            throw Refusal(
                .invalid, "\"parallelism\" is a number from \(range.lowerBound) to \(range.upperBound).")
        }
    }

    private static func check(_ addresses: [String], called field: String, allowsModules: Bool) throws(Refusal) {
        guard addresses.count <= addressLimit else {
            throw Refusal(.invalid, "\"\(field)\" has at most \(addressLimit) addresses.")
        }
        for address in addresses {
            guard address.utf8.count <= addressBytes else {
                throw Refusal(.invalid, "An address in \"\(field)\" has at most \(addressBytes) bytes.")
            }
            guard let parsed = ResourceAddress(address) else {
                throw Refusal(
                    .invalid,
                    "\"\(address.shortened(toBytes: 80))\" in \"\(field)\" is not the address of a resource, such as "
                        + "module.network.aws_subnet.public[0].")
            }
            guard allowsModules || !parsed.isModule else {
                throw Refusal(
                    .invalid,
                    "\"\(address.shortened(toBytes: 80))\" in \"\(field)\" is a module. Specify its resources.")
            }
        }
    }
}

extension RunOptions: Codable {
    private enum CodingKeys: String, CodingKey {
        case targets, replace, refreshOnly, parallelism, logLevel, testedPhase
    }

    /// What is absent is not asked for.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            targets: try container.decodeIfPresent([String].self, forKey: .targets) ?? [],
            replace: try container.decodeIfPresent([String].self, forKey: .replace) ?? [],
            refreshOnly: try container.decodeIfPresent(Bool.self, forKey: .refreshOnly) ?? false,
            parallelism: try container.decodeIfPresent(Int.self, forKey: .parallelism),
            logLevel: try container.decodeIfPresent(LogLevel.self, forKey: .logLevel),
            testedPhase: try container.decodeIfPresent(TokenPhase.self, forKey: .testedPhase))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(targets, forKey: .targets)
        try container.encode(replace, forKey: .replace)
        try container.encode(refreshOnly, forKey: .refreshOnly)
        try container.encodeIfPresent(parallelism, forKey: .parallelism)
        try container.encodeIfPresent(logLevel, forKey: .logLevel)
        try container.encodeIfPresent(testedPhase, forKey: .testedPhase)
    }
}

extension RunOptions.LogLevel: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let level = Self(rawValue: name.uppercased()) else {
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "it is one of \(names), not \"\(name.shortened(toBytes: 40))\"")
        }
        self = level
    }
}

/// The address of a module, a resource or an instance: `module.a["x"].data.aws_ami.b[0]`.
struct ResourceAddress {
    /// It names a module and no resource in it.
    var isModule: Bool

    /// nil for a text that is not an address.
    init?(_ text: String) {
        var rest = Substring(text)
        var names: [Substring] = []
        repeat {
            if !names.isEmpty { rest.removeFirst() }
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
            guard let first = name.first, first.isLetter || first == "_" else { return nil }
            names.append(name)
            rest = rest.dropFirst(name.count)
            guard Self.takeIndex(&rest) else { return nil }
        } while rest.first == "."
        guard rest.isEmpty else { return nil }
        while names.first == "module" {
            guard names.count >= 2 else { return nil }
            names.removeFirst(2)
        }
        isModule = names.isEmpty
        guard !isModule else { return }
        if names.first == "data" || names.first == "ephemeral" { names.removeFirst() }
        guard names.count == 2 else { return nil }
    }

    /// Takes `[0]` or `["key"]` from the start of `rest`; false if a bracket opens something else.
    private static func takeIndex(_ rest: inout Substring) -> Bool {
        guard rest.first == "[" else { return true }
        rest.removeFirst()
        if rest.first == "\"" {
            rest.removeFirst()
            var isEscaped = false
            while let character = rest.first, isEscaped || character != "\"" {
                guard character.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                    return false
                }
                isEscaped = !isEscaped && character == "\\"
                rest.removeFirst()
            }
            guard rest.first == "\"" else { return false }
            rest.removeFirst()
        } else {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return false }
            rest = rest.dropFirst(digits.count)
        }
        guard rest.first == "]" else { return false }
        rest.removeFirst()
        return true
    }
}
