/// "This job shall stop", and later perhaps "at once": each said once, heard by whoever runs its phases.
final class StopRequest: Sendable {
    private let stopping = OneShotResult<Void>()
    private let forcing = OneShotResult<Void>()

    init() {}

    /// Saying it again changes nothing.
    func make() { stopping.set() }

    var isMade: Bool { stopping.isSet }

    /// Returns when it is made.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws { try await stopping.wait() }

    /// Nobody wants to wait for the engine's own end.
    func forceIt() { forcing.set() }

    /// Returns when it is forced.
    ///
    /// - Throws: `CancellationError`.
    func waitForForce() async throws { try await forcing.wait() }
}
