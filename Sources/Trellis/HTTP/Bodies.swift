internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat
internal import Wire

extension Request {
    /// The whole body. - Throws: ``Refusal`` `.tooLarge` above `limit` bytes, without reading on.
    func bytes(upTo limit: Int) async throws -> Data {
        if let announced = headers[.contentLength].flatMap(Int.init), announced > limit {
            throw Self.tooLarge(limit)
        }
        do {
            let buffer = try await body.collect(upTo: limit)
            return Data(buffer: buffer)
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge(limit)
        } catch let error where !(error is CancellationError) {
            // Cut, or malformed.
            throw Refusal(.invalid, "The body did not arrive completely.")
        }
    }

    /// The body as a message of the API. An absent body reads as `{}`.
    ///
    /// - Parameter mayBeNewer: true for messages of Tendrils, whose fields of a newer version are ignored. A user's
    ///   unknown field is refused by name.
    func message<Message: Decodable>(
        _ type: Message.Type, upTo limit: Int, mayBeNewer: Bool = false
    ) async throws -> Message {
        let data = try await bytes(upTo: limit)
        return try WireJSON.decode(
            type, from: data.isEmpty ? Data("{}".utf8) : data, refusingUnknownFields: !mayBeNewer)
    }

    /// For a call that takes no fields.
    func checkNoFields() async throws {
        struct Nothing: Decodable {
            private enum CodingKeys: CodingKey {}

            init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: CodingKeys.self) }
        }
        _ = try await message(Nothing.self, upTo: 4096)
    }

    /// A query parameter as a whole number within `range`; `fallback` where it is absent.
    func number<Number: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Number>, fallback: Number
    ) throws -> Number {
        guard let text = parameter(name) else { return fallback }
        guard let number = Number(text), range.contains(number) else {
            throw Refusal(.invalid, "\"\(name)\" is a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    /// A query parameter as text; nil where it is absent or empty.
    func text(_ name: String, upTo limit: Int = 200) throws -> String? {
        guard let text = parameter(name), !text.isEmpty else { return nil }
        guard text.utf8.count <= limit else { throw Refusal(.invalid, "\"\(name)\" has at most \(limit) bytes.") }
        return text
    }

    private func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

    /// The names of the query parameters, in order.
    var parameterNames: [String] { parameters.map(\.name) }

    /// The query parameters as forms and browsers send them (application/x-www-form-urlencoded): "+" is a space.
    private var parameters: [(name: String, value: String)] {
        func decoded(_ text: Substring) -> String {
            let spaced = text.replacing("+", with: " ")
            return spaced.removingPercentEncoding ?? String(spaced)
        }
        return (uri.query ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(parts[0]), decoded(parts.count > 1 ? parts[1] : ""))
        }
    }

    /// A query parameter as one of the cases of `type`; nil where it is absent or empty.
    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, of type: Choice.Type) throws -> Choice?
    where Choice.RawValue == String {
        guard let text = try text(name) else { return nil }
        guard let choice = Choice(rawValue: text.uppercased()) else {
            let names = type.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.invalid, "\"\(name)\" is one of \(names).")
        }
        return choice
    }

    /// True where the client prefers `text/plain`.
    var wantsPlainText: Bool { headers[.accept]?.contains("text/plain") == true }

    private static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.tooLarge, "The body is larger than the limit of \(limit) bytes.")
    }
}

extension Response {
    /// `value` as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let data = try WireJSON.encode(value)
        return Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(data: data)))
    }

    /// `text` as plain text.
    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// Raw bytes, never to be guessed at by a browser.
    static func bytes(_ data: Data, contentType: String = "application/octet-stream") -> Response {
        Response(
            status: .ok, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(data: data)))
    }
}
