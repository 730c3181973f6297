/// An error that the engine printed, in its parts. All texts are masked, and paths are those of the vine.
public struct Diagnostic: Hashable, Sendable {
    /// What the error is called, without "Error: ". It is often only the heading of the detail.
    public var summary: String
    /// The rest of the text; a line is a paragraph. Empty if the summary says it all. In a list of errors, only the first
    /// paragraph.
    public var detail: String
    /// The resource, if the engine named one.
    public var address: String?
    public var file: String?
    public var line: Int?
    /// The number of the line that names the error, in the job's log; nil if it is not known.
    public var logLine: Int64?
    /// How many more errors the engine printed; 0 in a list of errors.
    public var others: Int

    /// Errors that are kept of one job.
    public static let maximumCount = 20
    /// Bytes of ``summary`` and ``file``, and of ``detail``; those of ``address`` are ``RunResource/addressBytes``.
    public static let nameBytes = 1 << 10
    public static let detailBytes = 4 << 10
    /// Bytes of ``detail`` in a list of errors.
    public static let listedDetailBytes = 1 << 10

    public init(
        summary: String, detail: String = "", address: String? = nil, file: String? = nil, line: Int? = nil,
        logLine: Int64? = nil, others: Int = 0
    ) {
        self.summary = summary
        self.detail = detail
        self.address = address
        self.file = file
        self.line = line
        self.logLine = logLine
        self.others = others
    }

    /// The same within its bounds.
    public func fitted() -> Diagnostic {
        Diagnostic(
            summary: summary.shortened(toBytes: Self.nameBytes), detail: detail.shortened(toBytes: Self.detailBytes),
            address: address?.shortened(toBytes: RunResource.addressBytes),
            file: file?.shortened(toBytes: Self.nameBytes), line: line.flatMap { $0 > 0 ? $0 : nil },
            logLine: logLine.flatMap { $0 > 0 ? $0 : nil }, others: max(others, 0))
    }

    /// The same with another text for each text.
    public func mapTexts(_ change: (String) -> String) -> Diagnostic {
        var mapped = self
        mapped.summary = change(summary)
        mapped.detail = change(detail)
        mapped.address = address.map(change)
        mapped.file = file.map(change)
        return mapped
    }

    /// The type in ``address``: `aws_instance`.
    public var resourceType: String? { address.flatMap(RunGraph.resourceType) }

    // MARK: - The cause

    /// A summary of this many characters, or with a colon, names the cause; a shorter one is the heading of the detail.
    private static let headingLength = 60

    /// The cause in one line: the summary, with the detail's first sentence if it is only a heading.
    public var cause: String { split.cause }

    /// The rest of ``detail``, in one line; empty where ``cause`` says it all.
    public var more: String { split.more }

    private var split: (cause: String, more: String) {
        let heading = Self.trimmed(summary)
        let detail = Self.oneLine(detail)
        guard heading.count < Self.headingLength, !heading.contains(": ") else { return (heading, detail) }
        let sentence = Self.firstSentence(of: Self.oneLine(firstParagraph))
        let cause = Self.trimmed(sentence)
        guard !cause.isEmpty else { return (heading, detail) }
        return (heading.isEmpty ? cause : "\(heading): \(cause)", Self.oneLine(detail.dropFirst(sentence.count)))
    }

    /// The detail up to its first blank line.
    private var firstParagraph: String {
        let lines = detail.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.drop { $0.allSatisfy(\.isWhitespace) }.prefix { !$0.allSatisfy(\.isWhitespace) }
            .joined(separator: " ")
    }

    /// Up to a period, a question mark or an exclamation mark that a capital letter follows.
    private static func firstSentence(of text: String) -> Substring {
        var index = text.startIndex
        while let end = text[index...].firstIndex(where: { ".!?".contains($0) }) {
            let rest = text[text.index(after: end)...]
            let next = rest.drop { $0 == " " }
            if rest.first == " ", next.first?.isUppercase == true { return text[...end] }
            index = text.index(after: end)
        }
        return text[...]
    }

    private static func oneLine(_ text: some StringProtocol) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = oneLine(text)
        while let last = text.last, ".:".contains(last) { text.removeLast() }
        return text
    }
}

extension Diagnostic: Codable {
    private enum CodingKeys: String, CodingKey {
        case summary, detail, address, file, line, logLine, others, cause, more
    }

    /// `cause` and `more` follow from the rest: they are written for readers, and not read.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            summary: try container.decode(String.self, forKey: .summary),
            detail: try container.decodeIfPresent(String.self, forKey: .detail) ?? "",
            address: try container.decodeIfPresent(String.self, forKey: .address),
            file: try container.decodeIfPresent(String.self, forKey: .file),
            line: try container.decodeIfPresent(Int.self, forKey: .line),
            logLine: try container.decodeIfPresent(Int64.self, forKey: .logLine),
            others: try container.decodeIfPresent(Int.self, forKey: .others) ?? 0)
        _ = try container.decodeIfPresent(String.self, forKey: .cause)
        _ = try container.decodeIfPresent(String.self, forKey: .more)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(summary, forKey: .summary)
        try container.encode(detail, forKey: .detail)
        try container.encodeIfPresent(address, forKey: .address)
        try container.encodeIfPresent(file, forKey: .file)
        try container.encodeIfPresent(line, forKey: .line)
        try container.encodeIfPresent(logLine, forKey: .logLine)
        try container.encode(others, forKey: .others)
        try container.encode(cause, forKey: .cause)
        try container.encode(more, forKey: .more)
    }
}
