/// When keys that sign tokens are made, used and removed: a pure function of the keys and the time.
///
/// A key is published before it is used, because clouds keep the documents of an issuer for hours; and it stays
/// published until no token that it signed is still valid.
public struct SigningKeySchedule: Hashable, Sendable {
    /// Milliseconds.
    public var rotation: Int64
    public var publishedBeforeUse: Int64
    /// How long a key stays after the next one took over: the longest token's life, and a margin for clocks.
    public var keptAfterUse: Int64

    public init(
        rotation: Int64 = 30 * 86_400_000, publishedBeforeUse: Int64 = 2 * 86_400_000,
        keptAfterUse: Int64 = 2 * 3_600_000
    ) {
        self.rotation = rotation
        self.publishedBeforeUse = publishedBeforeUse
        self.keptAfterUse = keptAfterUse
    }

    /// A key's place in time.
    public struct Key: Hashable, Sendable {
        public var id: String
        public var createdAt: Timestamp
        public var usedFrom: Timestamp

        public init(id: String, createdAt: Timestamp, usedFrom: Timestamp) {
            self.id = id
            self.createdAt = createdAt
            self.usedFrom = usedFrom
        }
    }

    /// The key that signs now: of those that may be used, the newest. nil if there is none.
    public func current(of keys: [Key], at now: Timestamp) -> Key? {
        keys.filter { $0.usedFrom <= now }.max { $0.usedFrom < $1.usedFrom }
    }

    /// From when on a key that is made now is used; nil if none is needed.
    public func next(after keys: [Key], at now: Timestamp) -> Timestamp? {
        // Without a usable key, there is nothing to wait for.
        guard let newest = keys.max(by: { $0.usedFrom < $1.usedFrom }) else { return now }
        let due = newest.usedFrom.advanced(by: rotation)
        guard due <= now.advanced(by: publishedBeforeUse) else { return nil }
        return max(due, now.advanced(by: publishedBeforeUse))
    }

    /// Keys whose last token has expired.
    public func expired(of keys: [Key], at now: Timestamp) -> [Key] {
        let sorted = keys.sorted { $0.usedFrom < $1.usedFrom }
        return zip(sorted, sorted.dropFirst()).filter { _, next in
            next.usedFrom.advanced(by: keptAfterUse) <= now
        }.map(\.0)
    }
}
