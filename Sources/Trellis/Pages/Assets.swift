internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat

/// The pages' scripts and styles, read once at the start: an answer needs no open file, and is never half a file.
///
/// Pages name them under a path that changes with their content, so that a browser asks for each once and never again;
/// after an upgrade it asks for the new ones.
struct Assets: Sendable {
    private struct File: Sendable {
        var bytes: ByteBuffer
        var type: String
        /// Changes with the bytes.
        var tag: String
    }

    private let files: [String: File]
    /// The path that pages put before an asset's own.
    let path: String

    /// - Throws: ``AssetError`` where a file can't be read, or is of a kind that no page uses.
    init(folder: String) throws {
        var files: [String: File] = [:]
        var hash = SHA256()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder),
                !isFolder.boolValue
            else { continue }
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
            guard let type = Self.types[(name as NSString).pathExtension] else { throw AssetError.unknownKind(name) }
            hash.update(data: Data(name.utf8) + [0])
            hash.update(data: bytes)
            files[name] = File(
                bytes: ByteBuffer(data: bytes), type: type,
                tag: "\"\(Data(SHA256.hash(data: bytes)).hex.prefix(16))\"")
        }
        self.files = files
        path = "/assets/" + Data(hash.finalize()).hex.prefix(12)
    }

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
        "png": "image/png", "ico": "image/x-icon", "woff2": "font/woff2", "json": "application/json",
    ]

    var routes: Routes { Routes(assets: self) }

    /// Answers for assets, before anybody is asked who they are.
    struct Routes: RouterMiddleware {
        fileprivate let assets: Assets

        func handle(
            _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
        ) async throws -> Response {
            guard request.method == .get || request.method == .head, let answer = assets.answer(to: request) else {
                return try await next(request, context)
            }
            return answer
        }
    }

    private func answer(to request: Request) -> Response? {
        let asked = request.uri.path
        let (prefix, caching) =
            asked.hasPrefix(path + "/")
            ? (path + "/", "public, max-age=\(365 * 24 * 3600), immutable") : ("/assets/", "no-cache")
        guard asked.hasPrefix(prefix), let file = files[String(asked.dropFirst(prefix.count))] else { return nil }
        var headers: HTTPFields = [.eTag: file.tag, .cacheControl: caching]
        if let known = request.headers[.ifNoneMatch], known == "*" || known.contains(file.tag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.type
        headers[.contentLength] = String(file.bytes.readableBytes)
        return Response(
            status: .ok, headers: headers, body: request.method == .head ? .init() : .init(byteBuffer: file.bytes))
    }
}

/// Why the assets can't be served.
enum AssetError: Error, CustomStringConvertible {
    case unknownKind(String)

    var description: String {
        switch self {
        case .unknownKind(let name): "the asset \(name) is of a kind that has no content type"
        }
    }
}
