public import Domain
public import Foundation

/// The API's JSON format: `snake_case` names (`vineId` ↔ `vine_id`), RFC 3339 times, nil fields left out.
public enum WireJSON {
    public static func encode(_ value: some Encodable) throws -> Data {
        Data(try JSONValue(encoding: value, names: .snakeCase).bytes)
    }

    /// - Parameter maxDepth: how deep the document may nest; ``JSONDepth/trusted`` for answers of Trellis, which hold
    ///   documents of users.
    /// - Parameter refusingUnknownFields: for what users write, where a misspelled name must not be passed over. What
    ///   the parts of Vintner send each other may have fields of a newer version.
    /// - Throws: ``WireError`` with a sentence that says which field is wrong.
    public static func decode<Value: Decodable>(
        _ type: Value.Type, from data: Data, maxDepth: Int = JSONDepth.request, refusingUnknownFields: Bool = false
    ) throws -> Value {
        do {
            return try JSONValue(parsing: data, maxDepth: maxDepth)
                .decoded(as: type, names: .snakeCase, refusingUnknownFields: refusingUnknownFields)
        } catch let error as UnknownJSONField {
            throw WireError(error)
        } catch let error as JSONError {
            throw WireError(error)
        } catch let error as DecodingError {
            throw WireError(error)
        }
    }
}

/// A request body that could not be decoded.
public struct WireError: Error, CustomStringConvertible {
    /// A message for the sender.
    public let description: String

    public init(_ error: JSONError) { description = "The body is not valid JSON: it \(error)." }

    public init(_ error: UnknownJSONField) {
        let path = error.path.map { $0.shortened(toBytes: 80) }.joined(separator: ".")
        let list = error.known.map { "\"\($0)\"" }.joined(separator: ", ")
        description =
            "Unknown field \"\(path)\". "
            + (list.isEmpty ? "There are no fields here." : "The fields here are \(list).")
    }

    public init(_ error: DecodingError) {
        func field(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "The body" : "\"" + path.map(Self.snakeCase).joined(separator: ".") + "\""
        }
        switch error {
        case .keyNotFound(let key, let context):
            description = "\(field(context.codingPath + [key])) is missing."
        case .typeMismatch(_, let context):
            description = "\(field(context.codingPath)) has the wrong type."
        case .valueNotFound(_, let context):
            description = "\(field(context.codingPath)) must not be null."
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            description = "The body is not valid JSON."
        case .dataCorrupted(let context):
            description = "\(field(context.codingPath)) is not valid: \(context.debugDescription)."
        @unknown default:
            description = "The body is not what this call takes."
        }
    }

    /// The name as it was sent; an array's index as it is.
    private static func snakeCase(_ key: any CodingKey) -> String {
        if let index = key.intValue { return String(index) }
        return key.stringValue.reduce(into: "") { name, character in
            if character.isUppercase { name += "_" + character.lowercased() } else { name.append(character) }
        }
    }
}

/// Every error of the API: `{"error": "a sentence that helps"}`.
public struct ErrorResponse: Codable, ResponseMessage {
    public var error: String

    public init(error: String) { self.error = error }
}

/// One page of a list; `nextCursor` requests the next page; absent on the last page.
public struct ListResponse<Item: Codable & Sendable>: Codable, ResponseMessage {
    public var items: [Item]
    public var nextCursor: String?

    public init(items: [Item], nextCursor: String?) {
        self.items = items
        self.nextCursor = nextCursor
    }
}
