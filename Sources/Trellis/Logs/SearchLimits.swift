/// The bounds of a search in a log.
public struct SearchLimits: Hashable, Sendable {
    /// Hits that one search tells.
    public var hits: Int
    /// How long one search may take.
    public var milliseconds: Int64
    /// How long one search may look through text, in milliseconds of its own.
    public var workMilliseconds: Int64
    /// Searches at the same time.
    public var atOnce: Int
    /// Bytes of the text that is looked for.
    public var queryBytes: Int

    public init(
        hits: Int = 100_000, milliseconds: Int64 = 20_000, workMilliseconds: Int64 = 5_000, atOnce: Int = 8,
        queryBytes: Int = 1000
    ) {
        self.hits = hits
        self.milliseconds = milliseconds
        self.workMilliseconds = workMilliseconds
        self.atOnce = atOnce
        self.queryBytes = queryBytes
    }

    var tooLong: String { "The search was ended after \(milliseconds / 1000) s." }
    var tooMany: String { "There are more than \(hits) hits." }
}
