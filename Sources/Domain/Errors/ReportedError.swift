/// One error of a failed job, as the engine printed it; masked.
public struct ReportedError: Hashable, Codable, Sendable {
    /// Without "Error: ".
    public var summary: String
    /// The first paragraph of what follows, on one line.
    public var detail: String?
    /// The resource's address.
    public var address: String?
    public var file: String?
    public var line: Int?
    /// The number of the line that names the error, in the job's log; nil if it is not known.
    public var logLine: Int64?

    /// Errors that are kept of one job.
    public static let maximumCount = 20
    /// Bytes of each text.
    public static let summaryBytes = 1 << 10
    public static let detailBytes = 1 << 10
    public static let fileBytes = 500

    public init(
        summary: String, detail: String? = nil, address: String? = nil, file: String? = nil, line: Int? = nil,
        logLine: Int64? = nil
    ) {
        self.summary = summary
        self.detail = detail
        self.address = address
        self.file = file
        self.line = line
        self.logLine = logLine
    }

    /// The same within its bounds.
    public var fitted: ReportedError {
        ReportedError(
            summary: summary.shortened(toBytes: Self.summaryBytes),
            detail: detail?.shortened(toBytes: Self.detailBytes),
            address: address.map { $0.shortened(toBytes: RunResource.addressBytes) },
            file: file?.shortened(toBytes: Self.fileBytes), line: line.flatMap { $0 > 0 ? $0 : nil },
            logLine: logLine.flatMap { $0 > 0 ? $0 : nil })
    }

    public func mapTexts(_ transform: (String) -> String) -> ReportedError {
        var mapped = self
        mapped.summary = transform(summary)
        mapped.detail = detail.map(transform)
        mapped.address = address.map(transform)
        mapped.file = file.map(transform)
        return mapped
    }

    /// A summary of this many characters, or with a colon, names the cause; a shorter one is the heading of the detail.
    private static let headingLength = 60

    /// The cause in one line: the summary, with the detail's first sentence if it is only a heading.
    public var cause: String {
        let summary = Self.trimmed(summary)
        guard let detail, summary.count < Self.headingLength, !summary.contains(": ") else { return summary }
        let sentence = Self.trimmed(Self.firstSentence(of: detail))
        return sentence.isEmpty ? summary : summary.isEmpty ? sentence : "\(summary): \(sentence)"
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

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        while let last = text.last, ".:".contains(last) { text.removeLast() }
        return text
    }

    /// The type in ``address``: `aws_instance`.
    public var resourceType: String? { address.flatMap(RunGraph.resourceType) }
}
