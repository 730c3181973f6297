internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat

/// The pages' scripts and styles, read once at the start: a response needs no open file, and is never half a file.
///
/// The sources can be served as they are, one request per module. If `scripts/bundle.sh` has made a bundle of exactly
/// these sources, its files replace the entry points of the same names, so that a page needs few requests.
///
/// Pages name assets under a path that changes with their content, so that a browser requests each of them once; after
/// an upgrade it requests the new ones.
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
    /// Whether the bundle is served.
    let isBundled: Bool

    /// - Parameters:
    ///   - folder: the sources.
    ///   - bundle: the folder where `scripts/bundle.sh` writes; it may be missing or out of date.
    /// - Throws: ``AssetError`` if a file can't be read, or has a type that no page uses.
    init(folder: String, bundle: String) throws {
        var contents = try Self.contents(of: folder)
        let built = Self.bundle(in: bundle, of: contents)
        isBundled = built != nil
        contents.merge(built ?? [:]) { _, bundled in bundled }
        var hash = SHA256()
        files = try contents.sorted { $0.key < $1.key }.reduce(into: [:]) { files, item in
            let (name, bytes) = item
            guard let type = Self.types[(name as NSString).pathExtension] else { throw AssetError.unknownKind(name) }
            hash.update(data: Data(name.utf8) + [0])
            hash.update(data: bytes)
            files[name] = File(bytes: ByteBuffer(data: bytes), type: type, tag: "\"\(Self.digest(bytes).prefix(16))\"")
        }
        path = "/assets/" + hash.finalize().hexadecimal.prefix(12)
    }

    /// The files in a folder and its subfolders, by their relative paths.
    private static func contents(of folder: String) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder),
                !isFolder.boolValue
            else { continue }
            contents[name] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        return contents
    }

    /// The bundled files; nil unless they were made from exactly these sources.
    private static func bundle(in folder: String, of sources: [String: Data]) -> [String: Data]? {
        guard var bundle = try? contents(of: folder), let digest = bundle.removeValue(forKey: "digest"),
            String(decoding: digest, as: UTF8.self).trimmingCharacters(in: .newlines) == sourceDigest(sources)
        else { return nil }
        return bundle
    }

    /// The digest that `scripts/bundle.sh` computes, which covers every script and style.
    private static func sourceDigest(_ sources: [String: Data]) -> String {
        let lines = sources.filter { $0.key.hasSuffix(".js") || $0.key.hasSuffix(".css") }.sorted { $0.key < $1.key }
            .map { "\(Self.digest($0.value))  \($0.key)\n" }
        return Self.digest(Data(lines.joined().utf8))
    }

    private static func digest(_ bytes: Data) -> String { SHA256.hash(data: bytes).hexadecimal }

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
        "png": "image/png", "ico": "image/x-icon", "woff2": "font/woff2", "json": "application/json",
    ]

    var routes: Routes { Routes(assets: self) }

    /// Serves assets, without authentication.
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
