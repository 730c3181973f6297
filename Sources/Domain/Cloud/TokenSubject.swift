/// The subject (`sub`) of the tokens that jobs get: what the trust policies of clouds name.
///
/// IDs, not names, because names are given again. The vineyard comes first, so that a policy can name a whole vineyard
/// by a prefix. Google takes no subject of more than 127 bytes.
public struct TokenSubject: Hashable, Sendable {
    public static let standard = "vineyard:{vineyard_id}:vine:{vine_id}:stage:{stage}:phase:{phase}"
    public static let maximumBytes = 127

    /// With placeholders in braces.
    public let template: String

    private static let placeholders = ["vineyard_id", "vine_id", "stage", "phase"]

    /// - Throws: ``Refusal`` `.invalid` for a template with an unknown placeholder, without the vine, with anything but
    ///   the phase at its end, with placeholders that run into what is beside them, or whose subjects can become too long.
    public init(_ template: String = TokenSubject.standard) throws(Refusal) {
        var rest = template
        for name in Self.placeholders { rest = rest.replacing("{\(name)}", with: "") }
        let isPlain = rest.utf8.allSatisfy { Self.isPlain($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
        guard isPlain else {
            let list = Self.placeholders.map { "{\($0)}" }.joined(separator: ", ")
            throw Refusal(.invalid, "A subject consists of \(list), letters, digits and :/._-.")
        }
        guard template.contains("{vine_id}"), template.contains("{phase}") else {
            throw Refusal(.invalid, "A subject needs {vine_id} and {phase}: each vine and phase must have its own.")
        }
        // What a policy says before or after a star must not fit another phase. No value has a colon or a slash.
        guard template.hasSuffix(":{phase}") || template.hasSuffix("/{phase}") else {
            throw Refusal(.invalid, "A subject ends with :{phase} or /{phase}.")
        }
        for part in template.split(whereSeparator: { $0 == ":" || $0 == "/" }) where part.contains("{") {
            guard Self.placeholders.contains(where: { part == "{\($0)}" }) else {
                throw Refusal(.invalid, "In a subject, each placeholder stands by itself between : or /.")
            }
        }
        self.template = template
        let longest = text(
            vineyard: Vineyard.defaultID.rawValue, vine: Vineyard.defaultID.rawValue,
            stage: String(repeating: "x", count: Self.stageBytes), phase: TokenPhase.destroy.rawValue)
        guard longest.utf8.count <= Self.maximumBytes else {
            throw Refusal(
                .invalid, "The subject can become \(longest.utf8.count) bytes long; \(Self.maximumBytes) are allowed.")
        }
    }

    public func text(vineyard: VineyardID, vine: VineID, stage: String, phase: TokenPhase) -> String {
        text(
            vineyard: vineyard.rawValue, vine: vine.rawValue, stage: Self.short(stage: stage), phase: phase.rawValue)
    }

    /// A pattern for all vines of a vineyard, in which `*` stands for any text; nil for a template that does not name
    /// the vineyard before vine and stage. Policies compare what comes before the first star.
    public func pattern(vineyard: VineyardID, phase: TokenPhase) -> String? {
        guard let place = template.firstRange(of: "{vineyard_id}")?.lowerBound,
            !template[..<place].contains("{vine_id}"), !template[..<place].contains("{stage}")
        else { return nil }
        return text(vineyard: vineyard.rawValue, vine: "*", stage: "*", phase: phase.rawValue)
    }

    private func text(vineyard: String, vine: String, stage: String, phase: String) -> String {
        // One pass: a stage that looks like a placeholder stays what it is.
        var text = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            text += rest[..<open]
            switch rest[rest.index(after: open)..<close] {
            case "vineyard_id": text += vineyard
            case "vine_id": text += vine
            case "stage": text += stage
            default: text += phase
            }
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }

    // MARK: - Stages

    /// The longest stage in a subject; the standard template with it has 127 bytes.
    static let stageBytes = 19

    /// The stage itself, or what stands for it: one that is too long, or has a character that is special in a policy, is
    /// cut and gets a checksum.
    static func short(stage: String) -> String {
        let plain = String(decoding: stage.utf8.map { isPlain($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
        if plain == stage, stage.utf8.count <= stageBytes { return stage }
        // FNV-1a: tells the stages apart that one vine had. The vine's ID is what access depends on.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in stage.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let digits = String(hash & 0xffff_ffff, radix: 16)
        return plain.prefix(stageBytes - 9) + "." + String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
