internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Mustache
internal import NIOCore

/// Renders the pages. The templates are checked at the start: a missing template would render nothing.
struct PageRenderer: Sendable {
    private let library: MustacheLibrary
    /// Where the pages find their scripts and styles.
    private let assets: String

    static let templates = [
        "job", "jobs", "vines", "vine", "tendrils", "audit", "people", "account", "login", "sign-in", "error",
        "reference",
    ]

    init(folder: String, assets: String) async throws {
        self.assets = assets
        library = try await MustacheLibrary(directory: folder)
        for name in Self.templates where library.getTemplate(named: name) == nil {
            throw PageError.missingTemplate(name)
        }
    }

    func page(_ name: String, _ model: [String: Any], status: HTTPResponse.Status = .ok) -> Response {
        let model = model.merging(["assets": assets]) { _, path in path }
        let html = library.render(model, withTemplate: name) ?? ""
        return Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: html)))
    }

    /// `value` as JSON that is safe in a `<script type="application/json">`: no `<` ends the element.
    static func dataBlock(_ data: Data) -> String {
        String(decoding: data, as: UTF8.self)
            .replacing("<", with: "\\u003c").replacing("\u{2028}", with: "\\u2028")
            .replacing("\u{2029}", with: "\\u2029")
    }
}

enum PageError: Error {
    case missingTemplate(String)
}
