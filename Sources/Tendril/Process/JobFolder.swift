import Domain
import Foundation
import SystemCalls

/// The folder of one job: captures, order file, phases.
///
/// It belongs to the owner alone: captures and commands contain secrets in plain text.
struct JobFolder: Hashable, Sendable {
    /// Absolute.
    let path: String
    /// Where the files are that the engine itself reads and writes: the same, unless it runs as another user.
    let exchange: String
    /// The folder of ``IdentityFiles``. The engine reads there, and nobody but the Tendril can change a name in it.
    let identity: String

    init(path: String, exchange: String? = nil, identity: String? = nil) {
        self.path = path
        self.exchange = exchange ?? path
        self.identity = identity ?? path + "/identity"
    }

    /// The capture files: append-only, all phases of the job in order.
    func capture(of stream: LogStream) -> String {
        switch stream {
        case .stdout: path + "/stdout"
        case .stderr: path + "/stderr"
        case .system: path + "/system"
        }
    }

    /// What was observed, when and in which order: ``OrderRecord`` after ``OrderRecord``.
    var order: String { path + "/order" }

    /// Dropped parts: ``CaptureGaps``.
    var gaps: String { path + "/gaps.json" }

    var phases: String { path + "/phases" }

    func phase(_ name: String) -> PhaseFolder { PhaseFolder(path: "\(phases)/\(name)", name: name) }

    /// Makes the folder with its empty files, durably; what is there already stays. The parent must exist.
    func create() throws {
        try Posix.makeFolder(path)
        try Posix.makeFolder(phases)
        for stream in LogStream.allCases { _ = try OpenFile(capture(of: stream), .append) }
        _ = try OpenFile(order, .append)
        try SmallFile.syncFolder(of: order)
        try SmallFile.syncFolder(of: path)
    }

    var exists: Bool { Posix.exists(order) }

    /// Deletes it with all that was captured. `path` goes last: a Tendril that is killed before finds the job again.
    func remove() throws {
        try Files.remove(identity)
        if exchange != path { try Files.remove(exchange) }
        try Files.remove(path)
    }
}
