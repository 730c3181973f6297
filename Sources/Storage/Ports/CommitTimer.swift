internal import CoreMetrics

/// Measures what commits take. The program says where metrics go (`MetricsSystem.bootstrap`), before it opens a store.
package enum CommitTimer {
    /// The name of the metric.
    static let name = "vintner_store_commit_duration_seconds"

    private static let timer = Timer(label: name)

    /// Adds a commit that began at `moment` and has just ended.
    package static func record(since moment: ContinuousClock.Instant) {
        timer.recordNanoseconds(Int64((ContinuousClock.now - moment) / .nanoseconds(1)))
    }
}
