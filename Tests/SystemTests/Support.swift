import Foundation
import SystemCalls

/// A folder that is deleted with its last reference.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/vintner-" + UUID().uuidString
        try Posix.makeFolder(path)
    }

    deinit { try? Files.remove(path) }

    func write(_ text: String, to name: String) throws -> String {
        try SmallFile.write(Array(text.utf8), to: "\(path)/\(name)", durably: false)
        return "\(path)/\(name)"
    }

    func text(of name: String) -> String? {
        (try? Files.read("\(path)/\(name)")).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Waits until `condition` is true; fails after `limit`.
func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw TimeoutError(what: what) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

struct TimeoutError: Error { var what: String }
