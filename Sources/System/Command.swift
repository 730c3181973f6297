public import Foundation
import Synchronization

/// A short-lived helper process (`git`, `tar`, `terraform version`), run to its end.
public struct Command: Sendable {
    public var executable: String
    /// The whole environment.
    public var environment: [String: String]

    public init(executable: String, environment: [String: String]) {
        self.executable = executable
        self.environment = environment
    }

    public struct Result: Sendable {
        /// The exit status; 128 plus the signal's number if a signal ended it.
        public var status: Int
        public var output: Data
        /// The end of its stderr, trimmed.
        public var complaint: String

        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs it with an empty stdin. Canceling the task kills it, and all that it started.
    ///
    /// - Throws: if it can't be started; `CancellationError`. An exit status is not an error.
    public func run(_ arguments: [String], limit: Int = 4 << 20) async throws -> Result {
        let output = try Files.anonymous()
        let complaint = try Files.anonymous()
        let running = Running()
        let status = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                do {
                    let child = try running.start { () throws(PosixError) in
                        try ChildProcess(
                            executable, arguments, environment: environment,
                            descriptors: [(output, 1), (complaint, 2)])
                    }
                    // Waiting for a child blocks a thread.
                    Thread.detachNewThread { continuation.resume(returning: child.wait()) }
                } catch let error as PosixError {
                    continuation.resume(
                        throwing: FileError(path: executable, reason: "can't run it (\(error.reason))"))
                } catch { continuation.resume(throwing: error) }
            }
        } onCancel: {
            running.kill()
        }
        try Task.checkCancellation()
        let said = String(decoding: try Self.read(complaint, limit: 1 << 20), as: UTF8.self)
        return Result(
            status: Self.number(of: status), output: try Self.read(output, limit: limit),
            complaint: (said.count > 2000 ? "…\(said.suffix(2000))" : said).trimmingCharacters(
                in: .whitespacesAndNewlines))
    }

    /// As ``run(_:limit:)``, but kills it after `timeout`; nil if that was necessary.
    public func run(_ arguments: [String], limit: Int = 4 << 20, timeout: Duration) async throws -> Result? {
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

    private static func number(of status: ExitStatus?) -> Int {
        switch status {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        case nil: 255
        }
    }

    private static func read(_ file: OpenFile, limit: Int) throws -> Data {
        let size = try file.size()
        guard size <= Int64(limit) else { throw FileError(path: "output", reason: "more than \(limit) bytes") }
        var data = Data(count: Int(size))
        let count = try data.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return data.prefix(count)
    }

    /// A child that may be killed at any time, also before it has started.
    private final class Running: Sendable {
        private enum State {
            case waiting, killed
            case running(ChildProcess)
        }

        private let state = Mutex(State.waiting)

        func start(_ make: () throws(PosixError) -> ChildProcess) throws -> ChildProcess {
            try state.withLock { state in
                guard case .waiting = state else { throw CancellationError() }
                let child = try make()
                state = .running(child)
                return child
            }
        }

        func kill() {
            state.withLock { state in
                switch state {
                case .waiting: state = .killed
                case .running(let child): child.killGroup()
                case .killed: break
                }
            }
        }
    }
}
