/// A request that a client may send again without it being carried out twice: it has an idempotency key.
///
/// Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
public struct RepeatableRequest: Hashable, Sendable {
    /// The account that sent it. Keys of different accounts have nothing to do with each other.
    public var owner: String
    /// The key that the client chose.
    public var key: String
    /// SHA-256 of the method, the path, the query, the credential and the body, in hexadecimal digits.
    public var digest: String
    /// Tells this request from others with the same key.
    public var id: Identifier<RepeatableRequest>
    public var at: Timestamp

    /// Bytes of a key.
    public static let keyBytes = 1...255
    /// For how long a key is remembered, in milliseconds: a day.
    public static let lifetime: Int64 = 24 * 3_600_000

    public init(owner: String, key: String, digest: String, id: Identifier<RepeatableRequest>, at: Timestamp) {
        self.owner = owner
        self.key = key
        self.digest = digest
        self.id = id
        self.at = at
    }

    /// The key in a header field: visible ASCII characters, in quotes or not.
    ///
    /// - Throws: ``Refusal`` `.invalid`.
    public static func key(inField value: String) throws(Refusal) -> String {
        var key = Substring(value)
        if key.count >= 2, key.first == "\"", key.last == "\"" { key = key.dropFirst().dropLast() }
        let isVisible = key.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\"") }
        guard keyBytes.contains(key.utf8.count), isVisible else {
            throw Refusal(
                .invalid, "\"Idempotency-Key\" has 1 to \(keyBytes.upperBound) visible ASCII characters without quotes."
            )
        }
        return String(key)
    }
}

/// What a store knows of an idempotency key.
public enum EarlierRequest: Hashable, Sendable {
    /// It was carried out, and answered with this.
    case answered(status: Int, body: [UInt8])
    /// It was carried out, and its answer is not stored: it is being written, or the server ended before that.
    case unanswered
    /// The key belongs to a request with another content.
    case other
}
