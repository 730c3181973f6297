import Foundation
import Synchronization

/// A short-lived helper (`git`, `tar`, `terraform version`), run to its end.
///
/// Engines that work on a vine are not run like this: they have supervisors.
struct Tool: Sendable {
    var executable: String
    /// The whole environment.
    var environment: [String: String]

    struct Result: Sendable {
        var status: Int
        var output: Data
        /// The end of what it said on stderr, trimmed.
        var complaint: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs the tool, stdin empty. Cancelling the task ends it, and all that it started.
    ///
    /// - Throws: where it can't be started; `CancellationError`. An exit status is no error.
    func run(_ arguments: [String], limit: Int = 4 << 20) async throws -> Result {
        let output = try ScratchFile()
        let complaint = try ScratchFile()
        let running = Running()
        let status = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                do {
                    let child = try running.start {
                        try ChildProcess(
                            executable, arguments, environment: environment, stdout: output.descriptor,
                            stderr: complaint.descriptor)
                    }
                    // There is no other way to wait for a child than on a thread of one's own.
                    Thread.detachNewThread {
                        running.reap { continuation.resume(returning: child.wait()) }
                    }
                } catch { continuation.resume(throwing: error) }
            }
        } onCancel: {
            running.stop()
        }
        try Task.checkCancellation()
        let said = String(decoding: try complaint.read(limit: 1 << 20), as: UTF8.self)
        return Result(
            status: status, output: try output.read(limit: limit),
            complaint: (said.count > 2000 ? "…\(said.suffix(2000))" : said).trimmingCharacters(
                in: .whitespacesAndNewlines))
    }

    /// As ``run(_:limit:)``, but ends the tool after `timeout`; nil where that was necessary.
    func run(_ arguments: [String], limit: Int = 4 << 20, timeout: Duration) async throws -> Result? {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await run(arguments, limit: limit) }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// A child that may be stopped at any time, also before it has started, and never after it was reaped: its number
    /// may be another's by then.
    private final class Running: Sendable {
        private enum State {
            case waiting, stopped, ended
            case running(ChildProcess)
        }

        private let state = Mutex(State.waiting)

        func start(_ make: () throws -> ChildProcess) throws -> ChildProcess {
            try state.withLock { state in
                guard case .waiting = state else { throw CancellationError() }
                let child = try make()
                state = .running(child)
                return child
            }
        }

        func reap(_ done: () -> Void) {
            if case .running(let child) = state.withLock({ $0 }) { child.awaitEnd() }
            state.withLock { $0 = .ended }
            done()
        }

        func stop() {
            state.withLock { state in
                switch state {
                case .waiting: state = .stopped
                case .running(let child): child.killGroup()
                case .stopped, .ended: break
                }
            }
        }
    }
}

/// A nameless file for what a tool prints: no pipe that could fill up.
private struct ScratchFile: Sendable {
    let file: FileHandle

    init() throws { file = try Files.nameless() }

    var descriptor: Int32 { file.fileDescriptor }

    func read(limit: Int) throws -> Data {
        let end = try file.seekToEnd()
        guard end <= UInt64(limit) else { throw FileError(path: "output", reason: "more than \(limit) bytes") }
        try file.seek(toOffset: 0)
        return try file.readToEnd() ?? Data()
    }
}
