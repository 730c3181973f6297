import Synchronization

/// "This job shall stop": said once, heard by whoever runs its phases.
final class StopRequest: Sendable {
    private struct State {
        var isMade = false
        var waiting: [Int: Once<Void>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    init() {}

    /// Saying it again changes nothing.
    func make() {
        let waiting = state.withLock { state in
            state.isMade = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for once in waiting { once.resume(.success(())) }
    }

    var isMade: Bool { state.withLock { $0.isMade } }

    /// Returns when it is made.
    ///
    /// - Throws: `CancellationError`.
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
