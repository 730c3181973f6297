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
            // The connection was cut, or the body is malformed.
            throw Refusal(.invalid, "The body did not arrive completely.")
        }
    }

    /// The query parameters as forms and browsers send them (application/x-www-form-urlencoded): "+" is a space.
    var queryItems: [(name: String, value: String)] {
        func decoded(_ text: Substring) -> String {
            let spaced = text.replacing("+", with: " ")
            return spaced.removingPercentEncoding ?? String(spaced)
        }
        return (uri.query ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(parts[0]), decoded(parts.count > 1 ? parts[1] : ""))
        }
    }

    /// True if the client prefers `text/plain`.
    var wantsPlainText: Bool { headers[.accept]?.contains("text/plain") == true }

    private static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.tooLarge, "The body is larger than the limit of \(limit) bytes.")
    }
}

extension Response {
    /// A JSON document.
    static func json(_ data: Data, status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(data: data)))
    }

    /// `text` as plain text.
    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// Raw bytes. Browsers must not guess their type.
    static func bytes(_ data: Data, contentType: String = "application/octet-stream") -> Response {
        Response(
            status: .ok, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(data: data)))
    }
}
