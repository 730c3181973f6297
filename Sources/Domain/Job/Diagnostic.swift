/// The first error that the engine printed, in its parts. All texts are masked, and paths are those of the vine.
public struct Diagnostic: Hashable, Codable, Sendable {
    /// What the error is called. It is often only the heading of the detail.
    public var summary: String
    /// The rest of the text; a line is a paragraph. Empty if the summary says it all.
    public var detail: String
    /// The resource, if the engine named one.
    public var address: String?
    public var file: String?
    public var line: Int?
    /// How many more errors the engine printed.
    public var others: Int

    /// Bytes of ``summary``, ``address`` and ``file``, and of ``detail``.
    public static let nameBytes = 1 << 10
    public static let detailBytes = 4 << 10

    public init(
        summary: String, detail: String = "", address: String? = nil, file: String? = nil, line: Int? = nil,
        others: Int = 0
    ) {
        self.summary = summary
        self.detail = detail
        self.address = address
        self.file = file
        self.line = line
        self.others = others
    }

    /// The same within its bounds.
    public func fitted() -> Diagnostic {
        Diagnostic(
            summary: summary.shortened(toBytes: Self.nameBytes), detail: detail.shortened(toBytes: Self.detailBytes),
            address: address?.shortened(toBytes: Self.nameBytes), file: file?.shortened(toBytes: Self.nameBytes),
            line: line.flatMap { $0 > 0 ? $0 : nil }, others: max(others, 0))
    }

    /// The same with another text for each text.
    public func mapTexts(_ change: (String) -> String) -> Diagnostic {
        Diagnostic(
            summary: change(summary), detail: change(detail), address: address.map(change), file: file.map(change),
            line: line, others: others)
    }
}
