/// The SHA-256 digests of one epoch's text, per stream: the SHA-256 of each stream's text, put together from
/// its chunks. It does not depend on where the chunks were cut.
public struct LogDigest: Hashable, Codable, Sendable {
    public struct Part: Hashable, Codable, Sendable {
        /// Bytes of text.
        public var bytes: Int64
        /// SHA-256 in lower-case hexadecimal digits.
        public var sha256: String

        public init(bytes: Int64, sha256: String) {
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// Only streams that have text.
    public var streams: [LogStream: Part]

    public init(streams: [LogStream: Part] = [:]) { self.streams = streams }

    public init(from decoder: any Decoder) throws {
        let named = try decoder.singleValueContainer().decode([String: Part].self)
        streams = Dictionary(
            named.compactMap { name, part in LogStream(rawValue: name).map { ($0, part) } },
            uniquingKeysWith: { first, _ in first })
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Dictionary(uniqueKeysWithValues: streams.map { ($0.key.rawValue, $0.value) }))
    }
}
