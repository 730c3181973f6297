import Domain
import SystemCalls

extension PhaseRunner {
    /// Runs `command` as ``run(_:in:)`` does, and stops it step by step once `stop` is made.
    ///
    /// - Parameters:
    ///   - engine: its name, as people say it.
    ///   - note: takes the SYSTEM line of each step.
    /// - Throws: ``PhaseError/stopped(phase:)`` where the request came before the phase began.
    func run(
        _ command: PhaseCommand, in folder: JobFolder, stop: StopRequest, timing: StopEscalation.Timing = .init(),
        engine: String = "Terraform", note: @escaping @Sendable (String) -> Void
    ) async throws -> PhaseEnd {
        let phase = folder.phase(command.name)
        if stop.isMade, try phase.isUntouched() { throw PhaseError.stopped(phase: command.name) }
        let wasOver = try phase.end() != nil
        return try await withThrowingTaskGroup(of: PhaseEnd?.self) { group in
            group.addTask { try await run(command, in: folder) }
            group.addTask {
                // Whatever happens to it, the phase goes on and is waited for.
                try? await stop.wait()
                try? await climb(phase, in: folder, timing: timing, engine: engine, note: note)
                return nil
            }
            group.addTask {
                try? await stop.waitForForce()
                try? await force(phase, in: folder, timing: timing, engine: engine, note: note)
                return nil
            }
            while let result = await group.nextResult() {
                switch result {
                case .success(nil): continue
                case .success(let end?):
                    group.cancelAll()
                    let journal = StopJournal(phase)
                    let ladder = StopEscalation(timing: timing, engine: engine, taken: journal.taken())
                    let now = Posix.uptimeMilliseconds()
                    if let sentence = ladder.ended(at: wasOver ? nil : now), !journal.isClosed {
                        note(sentence)
                        try? journal.close(at: now)
                    }
                    return end
                case .failure(let error):
                    group.cancelAll()
                    throw error
                }
            }
            return .unknown
        }
    }

    /// Takes one step after the other until the task is cancelled, because the phase has ended.
    private func climb(
        _ phase: PhaseFolder, in folder: JobFolder, timing: StopEscalation.Timing, engine: String,
        note: @Sendable (String) -> Void
    ) async throws {
        let journal = StopJournal(phase)
        var ladder = StopEscalation(timing: timing, engine: engine, taken: journal.taken())
        try Task.checkCancellation()
        let now = Posix.uptimeMilliseconds()
        if let step = ladder.request(at: now) { await take(step, at: now, phase, in: folder, note: note) }
        while let nextAt = ladder.nextAt {
            let now = Posix.uptimeMilliseconds()
            if let step = ladder.advance(to: now) {
                await take(step, at: now, phase, in: folder, note: note)
            } else {
                try await Task.sleep(for: .milliseconds(nextAt - now))
                // Forced meanwhile: then the ladder ends here.
                if journal.taken().contains(where: { $0.rung == .kill }) { return }
            }
        }
    }

    /// The last rung at once.
    private func force(
        _ phase: PhaseFolder, in folder: JobFolder, timing: StopEscalation.Timing, engine: String,
        note: @Sendable (String) -> Void
    ) async throws {
        try Task.checkCancellation()
        var ladder = StopEscalation(timing: timing, engine: engine, taken: StopJournal(phase).taken())
        let now = Posix.uptimeMilliseconds()
        if let step = ladder.force(at: now) { await take(step, at: now, phase, in: folder, note: note) }
    }

    private func take(
        _ step: StopEscalation.Step, at now: Int64, _ phase: PhaseFolder, in folder: JobFolder,
        note: @Sendable (String) -> Void
    ) async {
        // On a full disk, too, a job can be stopped.
        try? StopJournal(phase).note(step.rung, at: now)
        if await send(step.rung.signal, phase: phase.name, in: folder) { note(step.sentence) }
    }
}
