import Domain
import Foundation
import SystemCalls

/// Supervises one engine run in a separate process that outlives the Tendril.
///
/// Synchronous on purpose: it waits in `poll` for what the engine writes, for commands, and for the engine's end.
final class Supervisor {
    private let folder: JobFolder
    private let phase: PhaseFolder
    private let command: PhaseCommand
    private let now = SystemDependencies.system.now
    private let control: OpenFile
    private let inotify: Inotify?
    private var streams: [Int32: LogStream] = [:]
    private var recorder: CaptureRecorder

    /// The minimum interval between records, in milliseconds.
    private static let pace: Int64 = 1
    /// The poll interval without inotify.
    private static let pollInterval: Int64 = 50
    /// The idle time after which an unfinished line is shown.
    static let idle: Int64 = 1000

    init(folder: JobFolder, phase: PhaseFolder) throws {
        self.folder = folder
        self.phase = phase
        guard !phase.hasBegun, try phase.end() == nil else { throw PhaseError.alreadyStarted(phase.name) }
        guard let text = try SmallFile.read(phase.command) else {
            throw PosixError("open", phase.command, code: 2)
        }
        command = try JSONDecoder().decode(PhaseCommand.self, from: Data(text))
        control = try OpenFile(phase.control, .fifo)
        recorder = try CaptureRecorder(folder)
        inotify = try? Inotify()
        for stream in [LogStream.stdout, .stderr] {
            if let watch = try inotify?.watch(folder.capture(of: stream)) { streams[watch] = stream }
        }
    }

    func run() throws {
        guard let identity = ProcessIdentity(pid: Posix.processID) else { throw PosixError("read", "/proc/self/stat") }
        var start = PhaseStart(supervisor: identity)
        // Before the engine: if this process or the machine dies now, the phase is not started again.
        try PhaseFolder.write(start, to: phase.started, durably: true)
        try SmallFile.syncFolder(of: phase.path)

        let end: PhaseEnd
        let cgroup = EngineCgroup.make()
        do {
            let (engine, isSeparate) = try cgroup?.around(startEngine) ?? (startEngine(), false)
            start.cgroup = isSeparate ? cgroup?.path : nil
            if !isSeparate { _ = cgroup?.end() }
            start.execAt = now().milliseconds
            start.engine = ProcessIdentity(pid: engine.pid)
            // From here on, errors are only logged; the engine keeps running.
            attempt { try PhaseFolder.write(start, to: phase.started, durably: true) }
            end = watch(engine.pid, in: isSeparate ? cgroup : nil)
        } catch let error as PosixError {
            _ = cgroup?.end()
            end = .exited(code: error.isNotExecutable ? 126 : 127)
            attempt {
                try writeToStderr(
                    "Can't run \(command.executable): \(error.call) \(error.path ?? "") failed: \(error.reason)")
            }
        }
        finishRecording()
        try PhaseFolder.write(PhaseExit(end, endedAt: now()), to: phase.exit, durably: true)
    }

    private func startEngine() throws -> ChildProcess {
        let stdout =
            if let path = command.stdoutFile { try OpenFile(path, .replace) } else {
                try OpenFile(folder.capture(of: .stdout), .append)
            }
        let stderr = try OpenFile(folder.capture(of: .stderr), .append)
        try Posix.changeFolder(command.workingDirectory)
        if let user = command.user {
            // A script may open /dev/stderr, which asks for rights on the file itself.
            for file in [stdout, stderr] { try user.own(file.path) }
            return try ChildProcess(
                "/proc/self/exe", name: "vintner",
                RunAsMain.arguments(for: user, command.executable, command.arguments),
                environment: command.environment, descriptors: [(stdout, 1), (stderr, 2)])
        }
        return try ChildProcess(
            command.executable, command.arguments, environment: command.environment,
            descriptors: [(stdout, 1), (stderr, 2)])
    }

    // MARK: - While the engine runs

    /// Records what the engine writes and passes commands on, until it and its process group have ended.
    private func watch(_ pid: Int32, in cgroup: EngineCgroup?) -> PhaseEnd {
        let ended = Self.awaitExit(of: pid)
        var lastOutput = Posix.uptimeMilliseconds()
        var idleMarkPending = false
        var mayRecordAt: Int64 = 0
        while true {
            let time = Posix.uptimeMilliseconds()
            let paused = inotify != nil && mayRecordAt > time
            let deadlines: [Int64?] = [
                paused ? mayRecordAt : nil, idleMarkPending ? lastOutput + Self.idle : nil,
                inotify == nil ? time + Self.pollInterval : nil,
            ]
            let timeout = deadlines.compactMap { $0 }.min().map { $0 - time }
            let ready = Posix.wait(for: [ended, control, paused ? nil : inotify?.file], timeout: timeout)
            if ready[0] { break }
            if ready[1] { handleCommands(pid) }
            if ready[2] || inotify == nil {
                if record() {
                    lastOutput = Posix.uptimeMilliseconds()
                    mayRecordAt = lastOutput + Self.pace
                    idleMarkPending = true
                }
            } else if idleMarkPending, Posix.uptimeMilliseconds() >= lastOutput + Self.idle {
                attempt { try recorder.recordIdle(at: now()) }
                idleMarkPending = false
            }
        }
        _ = record()
        // The engine is a zombie, so its PID and group are not reused yet.
        Posix.send(.kill, toGroup: pid)
        let end = Posix.reap(pid).map(PhaseEnd.init) ?? .unknown
        // Wait: until SIGKILL takes effect, leftover processes may write.
        let limit = Posix.uptimeMilliseconds() + ProcessGroup.patience
        while ProcessGroup.isAlive(pid), Posix.uptimeMilliseconds() < limit { Posix.sleep(milliseconds: 1) }
        // What left the group, too: all that lost its parent is a child of this process.
        let inCgroup = cgroup?.end() ?? []
        let leftovers = Leftover.merged(inCgroup, Descendants.end())
        if !leftovers.isEmpty {
            attempt { try PhaseFolder.write(leftovers, to: phase.leftovers, durably: false) }
        }
        return end
    }

    /// A file that can be read once the child has ended.
    private static func awaitExit(of pid: Int32) -> OpenFile {
        guard let pipe = try? Posix.makePipe() else {
            // Out of file descriptors: wait here; records are written at the end.
            Posix.awaitExit(ofChild: pid)
            return OpenFile(adopting: 0, path: "/dev/null")
        }
        let writer = pipe.writer
        Thread.detachNewThread {
            Posix.awaitExit(ofChild: pid)
            try? writer.append([0])
        }
        return pipe.reader
    }

    private func handleCommands(_ pid: Int32) {
        for order in String(decoding: control.readAvailable(), as: UTF8.self).split(separator: "\n") {
            switch StopSignal(rawValue: String(order)) {
            case .interrupt: Posix.send(.interrupt, to: pid)
            case .kill: Posix.send(.kill, toGroup: pid)
            case nil: break
            }
        }
    }

    // MARK: - What was captured

    private func record() -> Bool {
        let first = inotify?.events().lazy.compactMap { self.streams[$0] }.first
        return attempt { try recorder.record(first: first, at: now()) } ?? false
    }

    /// The end of what the phase wrote, and of its unfinished line.
    private func finishRecording() {
        _ = record()
        attempt { try recorder.recordIdle(at: now()) }
    }

    /// Writes a line to the captured stderr.
    private func writeToStderr(_ sentence: String) throws {
        try OpenFile(folder.capture(of: .stderr), .append).append(Array("\(sentence)\n".utf8))
    }

    @discardableResult
    private func attempt<Value>(_ body: () throws -> Value) -> Value? {
        do { return try body() } catch {
            print("\(error)")
            return nil
        }
    }
}
