import Synchronization

/// "This job shall stop", and later perhaps "at once": each said once, heard by whoever runs its phases.
final class StopRequest: Sendable {
    private let stopping = Wish()
    private let forcing = Wish()

    init() {}

    /// Saying it again changes nothing.
    func make() { stopping.make() }

    var isMade: Bool { stopping.isMade }

    /// Returns when it is made.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws { try await stopping.wait() }

    /// Nobody wants to wait for the engine's own end.
    func forceIt() { forcing.make() }

    /// Returns when it is forced.
    ///
    /// - Throws: `CancellationError`.
    func waitForForce() async throws { try await forcing.wait() }
}

/// Something that is said once, and heard by everybody who waits for it, before or after.
private final class Wish: Sendable {
    private struct State {
        var isMade = false
        var waiting: [Int: Once<Void>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func make() {
        let waiting = state.withLock { state in
            state.isMade = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for once in waiting { once.resume(.success(())) }
    }

    var isMade: Bool { state.withLock { $0.isMade } }

    func wait() async throws {
        let once = Once<Void>()
        let ticket = state.withLock { state -> Int? in
            guard !state.isMade else { return nil }
            defer { state.next += 1 }
            state.waiting[state.next] = once
            return state.next
        }
        guard let ticket else { return }
        defer { state.withLock { $0.waiting[ticket] = nil } }
        try await once.wait()
    }
}
