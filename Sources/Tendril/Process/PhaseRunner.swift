import Domain
import Foundation
import Synchronization
import SystemCalls

/// Runs phases under supervisors and reattaches after a restart.
struct PhaseRunner: Sendable {
    /// This executable, which is the supervisor too.
    private let executable: String
    private let now = SystemDependencies.system.now

    init(executable: String = "/proc/self/exe") { self.executable = executable }

    /// Runs `command` to its end, or waits for the end of the run that an earlier Tendril began.
    ///
    /// A started phase never starts again. If its end is unknown, the result is `.unknown`. In that case, nothing of
    /// the engine is left when this returns. Canceling the task does not affect the engine or its supervisor.
    ///
    /// - Throws: ``PhaseError`` or ``PosixError`` where the engine was not run; `CancellationError`.
    func run(_ command: PhaseCommand, in folder: JobFolder) async throws -> PhaseEnd {
        let phase = folder.phase(command.name)
        if let end = try phase.end() { return end.phaseEnd }
        try Task.checkCancellation()
        try phase.create()
        let lock = try await supervise(command, phase, in: folder)
        if let end = try phase.end() { return end.phaseEnd }
        guard phase.hasBegun else {
            let output = try SmallFile.read(phase.supervisorLog).map { String(decoding: $0, as: UTF8.self) } ?? ""
            throw PhaseError.supervisorFailed(
                phase: phase.name, output: output.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return try await followOrphan(phase, in: folder, holding: lock)
    }

    /// Starts a supervisor unless the phase has started, and waits until no supervisor holds the phase.
    ///
    /// - Returns: the phase's lock, held.
    private func supervise(_ command: PhaseCommand, _ phase: PhaseFolder, in folder: JobFolder) async throws -> OpenFile
    {
        let once = OneShotResult<OpenFile>()
        // Its own thread, because it blocks; it also reaps the supervisor if no one waits.
        Thread.detachNewThread {
            once.set(
                Result {
                    let child = try startUnlessBegun(command, phase, in: folder)
                    let lock = try OpenFile(phase.alive, .append)
                    _ = try lock.lock(wait: true)
                    child?.wait()
                    return lock
                })
        }
        return try await once.wait()
    }

    private func startUnlessBegun(_ command: PhaseCommand, _ phase: PhaseFolder, in folder: JobFolder) throws
        -> ChildProcess?
    {
        // The supervisor holds this lock from before its start until it exits: the file description is
        // shared with it, and ours ends with this function.
        let lock = try OpenFile(phase.alive, .append)
        guard try lock.lock(wait: false), !phase.hasBegun, try phase.end() == nil else { return nil }
        try PhaseFolder.write(command, to: phase.command, durably: false)
        return try SupervisorMain.start(executable, folder: folder, phase: phase, lock: lock)
    }

    // MARK: - Without a supervisor

    /// The supervisor was killed. Its engine may live on: do what the supervisor would have done until it is gone.
    /// The exit status is lost.
    private func followOrphan(_ phase: PhaseFolder, in folder: JobFolder, holding lock: OpenFile) async throws
        -> PhaseEnd
    {
        defer { withExtendedLifetime(lock) {} }
        var recorder = try CaptureRecorder(folder)
        if let start = try phase.start(), let engine = start.engine {
            var lastOutput = Posix.uptimeMilliseconds()
            var idleMarkPending = false
            while engine.isAlive {
                // A full disk must not end the loop; the next iteration records the rest.
                if (try? recorder.record(at: now())) == true {
                    lastOutput = Posix.uptimeMilliseconds()
                    idleMarkPending = true
                } else if idleMarkPending, Posix.uptimeMilliseconds() >= lastOutput + Supervisor.idle {
                    try? recorder.recordIdle(at: now())
                    idleMarkPending = false
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            let hadLeftovers = engine.killGroup()
            let limit = Posix.uptimeMilliseconds() + ProcessGroup.patience
            while hadLeftovers, ProcessGroup.isAlive(engine.pid), Posix.uptimeMilliseconds() < limit {
                try await Task.sleep(for: .milliseconds(1))
            }
            // Nobody adopted what left the group. It is still in the engine's cgroup; without one, it has the job's
            // environment, unless it cleared that.
            let inCgroup = start.cgroup.flatMap(EngineCgroup.init)?.end() ?? []
            let leftovers = Leftover.merged(
                inCgroup, Descendants.end(withEnvironment: "VINTNER_METADATA_FILE=\(folder.metadata)"))
            if !leftovers.isEmpty { try? PhaseFolder.write(leftovers, to: phase.leftovers, durably: false) }
        }
        _ = try? recorder.record(at: now())
        try? recorder.recordIdle(at: now())
        return .unknown
    }

    // MARK: - Stopping

    /// Passes `signal` on to the phase's engine, through its supervisor if that is alive.
    ///
    /// - Returns: false if nothing is running.
    @discardableResult
    func send(_ signal: StopSignal, phase name: String, in folder: JobFolder) async -> Bool {
        let phase = folder.phase(name)
        // The reader of a FIFO may go at any moment, and that must not end this process.
        Posix.ignoreBrokenPipes()
        // A supervisor that is just starting reads the FIFO in a moment.
        for _ in 0..<3000 {
            // First: while a process dies, its FIFO may still be open without a reader.
            if let start = try? phase.start() {
                if !start.supervisor.isAlive { return Self.send(signal, to: start.engine) }
            } else if Posix.exists(phase.exit) {
                return false
            }
            if let fifo = try? OpenFile(phase.control, .fifoWriter) {
                return (try? fifo.append(Array("\(signal.rawValue)\n".utf8))) != nil
            }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
        }
        return false
    }

    private static func send(_ signal: StopSignal, to engine: ProcessIdentity?) -> Bool {
        guard let engine, engine.isAlive else { return false }
        switch signal {
        case .interrupt: return Posix.send(.interrupt, to: engine.pid)
        case .kill: return engine.killGroup()
        }
    }
}
