/// The rules for a vine's settings. Everything that reaches a file name, a command line or an environment is checked
/// here.
public struct VineRules: Hashable, Sendable {
    /// Bytes of all inline files together.
    public var sourceBytes: Int
    /// Inline files of one vine.
    public var fileCount: Int
    /// Bytes of all values of variables and environment together.
    public var valueBytes: Int
    /// Whether `file://` git sources are allowed (for tests).
    public var allowsFileURLs: Bool

    public init(
        sourceBytes: Int = 4 << 20, fileCount: Int = 500, valueBytes: Int = 1 << 20, allowsFileURLs: Bool = false
    ) {
        self.sourceBytes = sourceBytes
        self.fileCount = fileCount
        self.valueBytes = valueBytes
        self.allowsFileURLs = allowsFileURLs
    }

    public func check(_ settings: VineSettings, secrets: VineSecrets) throws(Refusal) {
        try checkName(settings.projectName, called: "project_name")
        try checkName(settings.environmentStage, called: "environment_stage")
        if let region = settings.region { try checkRegion(region) }
        if let origin = settings.origin { try checkOrigin(origin) }
        switch settings.source {
        case .inline(let files, let path): try checkFiles(files, path)
        case .git(let url, let ref, let path): try GitRules(allowsFileURLs: allowsFileURLs).check(url, ref, path)
        }
        try checkVariables(settings, secrets)
        try checkEnvironment(settings, secrets)
        try secrets.checkMaskable()
    }

    // MARK: - Names

    private func checkName(_ name: String, called field: String) throws(Refusal) {
        guard !name.isEmpty, name.count <= 100 else { throw invalid("\"\(field)\" has 1 to 100 characters.") }
        guard PlainName.isPlain(name), name.first != " ", name.last != " " else {
            throw invalid("\"\(field)\" has no control or bidirectional characters, and no space at its ends.")
        }
    }

    private func checkRegion(_ region: String) throws(Refusal) {
        guard !region.isEmpty, region.utf8.count <= 64, region.utf8.allSatisfy(Self.isPathByte), !region.contains("/")
        else { throw invalid("\"region\" has 1 to 64 letters, digits, dashes, dots or underscores.") }
    }

    private func checkOrigin(_ origin: String) throws(Refusal) {
        guard (1...2048).contains(origin.utf8.count), PlainName.isPlain(origin)
        else { throw invalid("\"origin\" has 1 to 2048 bytes and no control or bidirectional characters.") }
    }

    // MARK: - Inline files

    private func checkFiles(_ files: [String: InlineFile], _ path: String?) throws(Refusal) {
        guard !files.isEmpty else { throw invalid("An inline source needs at least one file.") }
        guard files.count <= fileCount else {
            throw Refusal(.tooLarge, "An inline source has at most \(fileCount) files; this one has \(files.count).")
        }
        var total = 0
        for (path, file) in files {
            try Self.checkPath(path)
            guard file.isWellFormed else { throw invalid("File \"\(path)\" is not valid base64.") }
            total += file.byteCount
        }
        guard total <= sourceBytes else {
            throw Refusal(.tooLarge, "An inline source has at most \(sourceBytes) bytes; this one has \(total).")
        }
        for path in files.keys where files.keys.contains(where: { $0.hasPrefix(path + "/") }) {
            throw invalid("\"\(path)\" can't be both a file and a folder.")
        }
        if let path { try Self.checkPath(path, called: "\"path\"") }
        try Self.checkConfiguration(files, path)
    }

    /// Terraform takes a folder without configuration for one that wants nothing, and plans to destroy everything.
    private static func checkConfiguration(_ files: [String: InlineFile], _ path: String?) throws(Refusal) {
        let prefix = path.map { $0 + "/" } ?? ""
        let place = path.map { "folder \"\($0)\" of the source" } ?? "source"
        let configuration = files.filter { name, _ in
            name.hasPrefix(prefix) && !name.dropFirst(prefix.count).contains("/") && isConfiguration(name)
        }
        guard !configuration.isEmpty else {
            throw Refusal(.invalid, "The \(place) has no Terraform files (names that end in .tf or .tf.json).")
        }
        guard configuration.values.contains(where: { !$0.isBlank }) else {
            throw Refusal(
                .invalid,
                "The Terraform files in the \(place) are empty: planning them would destroy everything. Use Destroy for "
                    + "that.")
        }
    }

    /// True for a name that Terraform or OpenTofu reads as configuration.
    public static func isConfiguration(_ name: String) -> Bool {
        [".tf", ".tf.json", ".tofu", ".tofu.json"].contains { name.hasSuffix($0) }
    }

    /// Checks a path inside the working folder: relative, without `..`, without anything a shell or Terraform reads
    /// in its own way.
    ///
    /// - Parameter noun: what a refusal calls it.
    public static func checkPath(_ path: String, called noun: String = "File name") throws(Refusal) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !path.isEmpty, path.utf8.count <= 255, parts.count <= 16 else {
            let shown = path.shortened(toBytes: 80)
            throw Refusal(.invalid, "\(noun) \"\(shown)\" needs 1 to 255 bytes and at most 16 folders.")
        }
        let isClean = parts.allSatisfy { part in
            !part.isEmpty && part != "." && part != ".." && part.first != "-" && part.utf8.allSatisfy(isPathByte)
        }
        guard isClean else {
            throw Refusal(
                .invalid,
                "\(noun) \"\(path.shortened(toBytes: 80))\" is not allowed: use a relative path of letters, digits, dots, dashes, "
                    + "underscores and spaces, without \"..\".")
        }
        guard parts[0] != ".terraform", parts[0] != ".git", !path.hasSuffix(".tfstate") else {
            throw Refusal(.invalid, "\(noun) \"\(path)\" is not allowed: it belongs to Terraform, not to a source.")
        }
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: " "), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    // MARK: - Variables and environment

    private func checkVariables(_ settings: VineSettings, _ secrets: VineSecrets) throws(Refusal) {
        var bytes = 0
        for (name, value) in settings.variables.merging(secrets.variables, uniquingKeysWith: { first, _ in first }) {
            guard Self.isIdentifier(name, extra: "-") else {
                throw invalid("Variable name \"\(name.shortened(toBytes: 80))\" is not a Terraform identifier.")
            }
            bytes += value.textBytes
        }
        if let both = settings.variables.keys.first(where: { secrets.variables[$0] != nil }) {
            throw invalid("Variable \"\(both)\" can't be both plain and sensitive.")
        }
        guard bytes <= valueBytes else {
            throw Refusal(.tooLarge, "Variables have at most \(valueBytes) bytes together; got \(bytes).")
        }
    }

    private func checkEnvironment(_ settings: VineSettings, _ secrets: VineSecrets) throws(Refusal) {
        let all = settings.environment.merging(secrets.environment) { first, _ in first }
        for (name, value) in all {
            guard Self.isIdentifier(name, extra: ""), !value.utf8.contains(0) else {
                throw invalid("Environment name \"\(name.shortened(toBytes: 80))\" is not valid.")
            }
        }
        if let sentence = EnvironmentRules.refusal(of: all.keys) { throw invalid(sentence) }
        if let both = settings.environment.keys.first(where: { secrets.environment[$0] != nil }) {
            throw invalid("Environment entry \"\(both)\" can't be both plain and sensitive.")
        }
        let bytes = all.values.reduce(0) { $0 + $1.utf8.count }
        guard bytes <= valueBytes else {
            throw Refusal(.tooLarge, "The environment has at most \(valueBytes) bytes; this one has \(bytes).")
        }
    }

    private static func isIdentifier(_ name: String, extra: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 128, !(0x30...0x39).contains(first) else { return false }
        return name.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_"
                    || extra.unicodeScalars.contains(scalar))
        }
    }

    private func invalid(_ reason: String) -> Refusal { Refusal(.invalid, reason) }
}

extension JSONValue {
    /// Every string in the value, numbers and keys included.
    public var strings: [String] {
        switch self {
        case .null, .bool: []
        case .integer(let value): [String(value)]
        case .number(let value): [String(value)]
        case .string(let text): [text]
        case .array(let items): items.flatMap(\.strings)
        case .object(let members): members.values.flatMap(\.strings)
        }
    }

    fileprivate var textBytes: Int { strings.reduce(0) { $0 + $1.utf8.count } }
}
