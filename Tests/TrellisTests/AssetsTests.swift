import Crypto
import Domain
import Foundation
import Testing

@testable import Trellis

/// Which files pages get: the bundle, if it was made from the sources as they are.
@Suite struct AssetsTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/assets-\(UUID().uuidString)"
        try write("assets/js/job/main.js", "import \"./a.js\";\n")
        try write("assets/js/job/a.js", "a();\n")
        try write("assets/app.css", "@import \"b.css\";\n")
        try write("assets/favicon.svg", "<svg/>\n")
    }

    private func write(_ name: String, _ text: String) throws {
        let path = "\(folder)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func read() throws -> Assets { try Assets(folder: "\(folder)/assets", bundle: "\(folder)/bundle") }

    /// As `scripts/bundle.sh` computes it.
    private func digest() throws -> String {
        func hash(_ data: Data) -> String { SHA256.hash(data: data).hexadecimal }
        let lines = try ["app.css", "js/job/a.js", "js/job/main.js"].map { name in
            "\(hash(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/assets/\(name)"))))  \(name)\n"
        }
        return hash(Data(lines.joined().utf8)) + "\n"
    }

    @Test func aBundleOfTheseSourcesIsServedAndNoOther() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let plain = try read()
        #expect(!plain.isBundled)
        try write("bundle/js/job/main.js", "a();")
        try write("bundle/digest", "0000\n")
        #expect(try read().path == plain.path, "a bundle of other sources")
        try write("bundle/digest", try digest())
        let bundled = try read()
        #expect(bundled.isBundled && bundled.path != plain.path)
        try write("assets/js/job/a.js", "b();\n")
        let edited = try read()
        #expect(!edited.isBundled && edited.path != plain.path)
        try FileManager.default.removeItem(atPath: "\(folder)/bundle")
        #expect(try read().path == edited.path)
    }
}
