internal import Crypto
internal import Foundation
internal import Hummingbird
internal import Logging

/// The page's scripts and styles. Pages name them under a path that changes with their content, so that a browser asks
/// for each once and never again; after an upgrade it asks anew.
struct Assets: Sendable {
    private let folder: String
    /// The path that pages put before an asset's own.
    let path: String

    /// - Throws: where the folder can't be read.
    init(folder: String) throws {
        self.folder = folder
        var hash = SHA256()
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
            guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
            hash.update(data: Data(name.utf8) + [0])
            hash.update(data: bytes)
        }
        path = "/assets/" + Data(hash.finalize()).hex.prefix(12)
    }

    /// Under ``path``: kept for a year.
    var lasting: FileMiddleware<TrellisContext, LocalFileSystem> {
        files(at: path, [.public, .maxAge(365 * 24 * 3600), .immutable])
    }

    /// By their plain names: asked for again each time (304 by their ETag).
    var named: FileMiddleware<TrellisContext, LocalFileSystem> { files(at: "/assets", [.noCache]) }

    private func files(
        at base: String, _ caching: [CacheControl.CacheControlValue]
    ) -> FileMiddleware<TrellisContext, LocalFileSystem> {
        FileMiddleware(
            folder, urlBasePath: base,
            cacheControl: CacheControl([(.textCss, caching), (.textJavascript, caching), (.imageSvg, caching)]),
            logger: Self.silent)
    }

    /// The folder is announced at each start otherwise, on a logger of its own.
    private static let silent = Logger(label: "assets") { _ in SwiftLogNoOpLogHandler() }
}
