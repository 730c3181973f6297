import Domain

/// Waiting, passed in so that a test decides how long it takes.
struct Sleeper: Sendable {
    /// Returns after the duration; throws `CancellationError` where the task is cancelled before.
    var pause: @Sendable (Duration) async throws -> Void

    static let system = Sleeper { try await Task.sleep(for: $0) }
}

/// Counts failures in a row, and says how long to wait before the next attempt.
struct Backoff: Sendable {
    private let delay: RetryDelay
    private let ambient: SystemDependencies
    private var failures = 0

    init(first: Duration = .milliseconds(200), limit: Duration = .seconds(10), ambient: SystemDependencies) {
        delay = RetryDelay(first: first, longest: limit)
        self.ambient = ambient
    }

    mutating func next() -> Duration {
        failures += 1
        return delay.delay(afterFailures: failures, random: Double(ambient.randomBytes(1).first ?? 255) / 255)
    }

    mutating func reset() { failures = 0 }
}
