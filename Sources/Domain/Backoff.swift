/// The growing pause between attempts: twice as long after each failure up to a limit, with jitter, so that many
/// clients don't retry at the same moment.
public struct Backoff: Sendable {
    private let first: Duration
    private let limit: Duration
    private let dependencies: SystemDependencies
    /// Failures since the start or the last success.
    public private(set) var failures = 0

    public init(
        first: Duration = .milliseconds(200), limit: Duration = .seconds(10),
        dependencies: SystemDependencies = .system
    ) {
        self.first = first
        self.limit = limit
        self.dependencies = dependencies
    }

    /// Counts a failure, and returns how long to wait before the next attempt.
    public mutating func next() -> Duration {
        failures += 1
        let ceiling = min(first * (1 << min(failures - 1, 20)), limit)
        let random = Double(dependencies.randomBytes(1).first ?? 255) / 255
        return ceiling / 2 + ceiling / 2 * random
    }

    /// Starts over, after an attempt that succeeded.
    public mutating func reset() { failures = 0 }
}
