/// The identity of one `Noun`: a UUID in lower case, as text.
///
/// The phantom parameter keeps a job's id from being passed where a vine's is meant.
public struct Identifier<Noun>: Hashable, Sendable, CustomStringConvertible {
    /// The id, as in the database and the API.
    public let rawValue: String

    /// Accepts `rawValue` if it is a UUID (8-4-4-4-12 hexadecimal digits), in either case.
    ///
    /// Ids become file and folder names, so reject everything else.
    public init?(_ rawValue: String) {
        let bytes = Array(rawValue.utf8)
        guard bytes.count == 36 else { return nil }
        for (index, byte) in bytes.enumerated() {
            let isDash = index == 8 || index == 13 || index == 18 || index == 23
            guard isDash ? byte == UInt8(ascii: "-") : Self.isHexDigit(byte) else { return nil }
        }
        self.rawValue = rawValue.lowercased()
    }

    /// Makes a version 4 UUID (RFC 9562, section 5.4) of 16 random bytes.
    public init(randomBytes: [UInt8]) {
        precondition(randomBytes.count == 16, "a UUID has 16 bytes")
        var bytes = randomBytes
        bytes[6] = (bytes[6] & 0x0f) | 0x40
        bytes[8] = (bytes[8] & 0x3f) | 0x80
        let hex = bytes.map { byte in
            String(byte >> 4, radix: 16) + String(byte & 0x0f, radix: 16)
        }
        self.rawValue = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { hex[$0].joined() }.joined(separator: "-")
    }

    public var description: String { rawValue }

    /// The first eight characters: the short form shown to people.
    public var short: String { String(rawValue.prefix(8)) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

extension Identifier: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = Identifier(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

public typealias JobID = Identifier<Job>
public typealias VineID = Identifier<Vine>
public typealias TendrilID = Identifier<Tendril>
