internal import Foundation
internal import SystemCalls

/// A Trellis or a Tendril, running as a child process.
final class ServerProcess: Sendable {
    let name: String
    /// Yields the exit status once the process has ended.
    let ended: AsyncStream<Int>
    private let child: ChildProcess
    private let pidFile: PidFile

    /// Starts this executable again with `arguments`. Its output goes where this process's output goes.
    init(
        _ name: String, arguments: [String], environment: [String: String], pidFile: PidFile
    ) throws {
        let (stdout, stderr) = (OpenFile(copying: 1, path: "stdout"), OpenFile(copying: 2, path: "stderr"))
        let descriptors = [(stdout, 1), (stderr, 2)].compactMap { file, number -> ChildProcess.Descriptor? in
            file.map { ($0, Int32(number)) }
        }
        let child = try ChildProcess(
            Files.real("/proc/self/exe") ?? "/proc/self/exe", arguments, environment: environment,
            descriptors: descriptors)
        let (ended, end) = AsyncStream<Int>.makeStream()
        Thread.detachNewThread {
            switch child.wait() {
            case .exited(let code): end.yield(code)
            case .signaled(let signal): end.yield(128 + signal)
            case nil: end.yield(255)
            }
            end.finish()
        }
        self.name = name
        self.ended = ended
        self.child = child
        self.pidFile = pidFile
        try pidFile.write(child.pid)
    }

    /// Asks it to end (SIGTERM).
    func terminate() { child.send(.terminate) }

    /// Ends it immediately (SIGKILL).
    func kill() { child.send(.kill) }

    /// Removes its pid file, once it has ended.
    func removePidFile() { pidFile.remove() }
}
