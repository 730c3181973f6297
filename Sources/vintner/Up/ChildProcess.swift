internal import Foundation
internal import Synchronization

/// One half of the product, running as a process of its own.
final class ChildProcess: Sendable {
    let name: String
    /// Finishes with the exit status when the process has ended.
    let ended: AsyncStream<Int32>
    private let pid: Int32
    private let pidFile: PidFile

    /// Starts this program again with `arguments`. Its output goes where ours goes.
    init(
        _ name: String, arguments: [String], environment: [String: String], pidFile: PidFile
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
        self.name = name
        self.ended = ended
        self.pid = process.processIdentifier
        self.pidFile = pidFile
        try pidFile.write(pid)
    }

    /// Asks it to end.
    func terminate() { kill(pid, SIGTERM) }

    /// Ends it now.
    func kill9() { kill(pid, SIGKILL) }

    /// Forgets it, once it has ended.
    func forget() { pidFile.remove() }
}

/// Which process was started, so that a later start finds what a killed one left behind.
struct PidFile: Sendable {
    var path: String

    init(_ path: String) { self.path = path }

    /// The pid with the process' start time: a pid alone may be somebody else's by now.
    func write(_ pid: Int32) throws {
        try "\(pid) \(Self.startTime(of: pid) ?? "0")\n".write(toFile: path, atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The process that was written down, where it still runs.
    var living: Int32? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let pid = Int32(parts[0]), Self.startTime(of: pid) == String(parts[1]) else {
            return nil
        }
        return pid
    }

    /// Ends the process that was left behind: asks first, then insists.
    func endLeftover(patience: Duration = .seconds(10)) async {
        guard let pid = living else { return }
        kill(pid, SIGTERM)
        let deadline = ContinuousClock.now.advanced(by: patience)
        while living != nil, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
        if living != nil { kill(pid, SIGKILL) }
        remove()
    }

    /// Field 22 of `/proc/PID/stat` (proc(5)): ticks since boot. The name in field 2 may hold blanks, so it is skipped.
    private static func startTime(of pid: Int32) -> String? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // A zombie has ended already.
        return fields.count > 19 && fields[0] != "Z" ? String(fields[19]) : nil
    }
}
