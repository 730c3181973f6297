import Domain

/// Sleeping, injected so that tests control it.
struct Sleeper: Sendable {
    /// Returns after the duration; throws `CancellationError` if the task is canceled before.
    var sleep: @Sendable (Duration) async throws -> Void

    static let system = Sleeper { try await Task.sleep(for: $0) }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
