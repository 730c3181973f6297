import Domain
import SystemCalls

extension PhaseRunner {
    /// Runs `command` as ``run(_:in:)`` does, and stops it in stages once `stop` is requested.
    ///
    /// - Parameters:
    ///   - engine: its name for people.
    ///   - note: takes the SYSTEM line of each stage.
    /// - Throws: ``PhaseError/stopped(phase:)`` if the stop was requested before the phase started.
    func run(
        _ command: PhaseCommand, in folder: JobFolder, stop: StopRequest, timing: StopEscalation.Timing = .init(),
        engine: String = "Terraform", note: @escaping @Sendable (String) -> Void
    ) async throws -> PhaseEnd {
        let phase = folder.phase(command.name)
        if stop.isRequested, try phase.isUntouched() { throw PhaseError.stopped(phase: command.name) }
        let wasOver = try phase.end() != nil
        let stopper = PhaseStopper(
            runner: self, folder: folder, phase: phase, timing: timing, engine: engine, note: note)
        return try await withThrowingTaskGroup(of: PhaseEnd?.self) { group in
            group.addTask { try await run(command, in: folder) }
            group.addTask {
                // Whatever happens to the stopper, the phase continues and is waited for.
                try? await stopper.run(stop)
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                guard let end = result else { continue }
                stopper.noteEnd(wasOver: wasOver)
                return end
            }
            return .unknown
        }
    }
}

/// Stops one phase: sends the signals that ``StopEscalation`` decides on, and records and logs each.
private struct PhaseStopper: Sendable {
    let runner: PhaseRunner
    let folder: JobFolder
    let phase: PhaseFolder
    let timing: StopEscalation.Timing
    let engine: String
    let note: @Sendable (String) -> Void

    private var journal: StopJournal { StopJournal(phase) }

    private var escalation: StopEscalation {
        StopEscalation(timing: timing, engine: engine, reached: journal.reached())
    }

    /// Enters one stage after the other until the task is canceled, because the phase has ended.
    func run(_ stop: StopRequest) async throws {
        try await stop.waitUntilRequested()
        try Task.checkCancellation()
        var escalation = self.escalation
        if !stop.isForced { await take(escalation.request(at: Posix.uptimeMilliseconds())) }
        while !stop.isForced, let nextAt = escalation.nextAt {
            let step = escalation.advance(to: Posix.uptimeMilliseconds())
            await take(step)
            if step == nil { try await wait(until: nextAt, orForcedBy: stop) }
        }
        try await stop.waitUntilForced()
        await take(escalation.force(at: Posix.uptimeMilliseconds()))
    }

    /// Logs that the phase has stopped, if it was asked to and that is not in the log yet.
    func noteEnd(wasOver: Bool) {
        let now = Posix.uptimeMilliseconds()
        guard let message = escalation.ended(at: wasOver ? nil : now), !journal.isClosed else { return }
        note(message)
        try? journal.close(at: now)
    }

    private func take(_ step: StopEscalation.Step?) async {
        guard let step else { return }
        // A job can be stopped on a full disk, too.
        try? journal.record(step.stage, at: Posix.uptimeMilliseconds())
        if await runner.send(step.stage.signal, phase: phase.name, in: folder) { note(step.message) }
    }

    private func wait(until time: Int64, orForcedBy stop: StopRequest) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Task.sleep(for: .milliseconds(max(0, time - Posix.uptimeMilliseconds()))) }
            group.addTask { try await stop.waitUntilForced() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// The stages of a phase's stop, recorded in its folder: a restarted Tendril must not send a signal twice.
struct StopJournal {
    private let path: String

    init(_ phase: PhaseFolder) { path = phase.stop }

    /// The stages reached in this boot: after a reboot the engine is gone anyway.
    func reached() -> [(stage: StopEscalation.Stage, at: Int64)] {
        entries().compactMap { word, at in StopEscalation.Stage(rawValue: word).map { ($0, at) } }
    }

    /// Whether the log says that the phase has stopped.
    var isClosed: Bool { entries().contains { $0.word == Self.closed } }

    func close(at: Int64) throws { try write(Self.closed, at) }

    private static let closed = "stopped"

    /// Called before the signal is sent: a stage that is recorded but not sent costs time, one that is sent twice may
    /// cost the state.
    func record(_ stage: StopEscalation.Stage, at: Int64) throws { try write(stage.rawValue, at) }

    private func write(_ word: String, _ at: Int64) throws {
        let line = "\(word) \(at) \(ProcessIdentity.currentBootID())\n"
        try OpenFile(path, .append).append(Array(line.utf8))
    }

    private func entries() -> [(word: String, at: Int64)] {
        guard let bytes = try? SmallFile.read(path) else { return [] }
        let boot = ProcessIdentity.currentBootID()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count == 3, fields[2] == boot, let at = Int64(fields[1]) else { return nil }
            return (fields[0], at)
        }
    }
}
