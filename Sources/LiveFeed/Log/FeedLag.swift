internal import CoreMetrics

/// Measures how late followers are. The program says where metrics go (`MetricsSystem.bootstrap`), before it serves.
enum FeedLag {
    static let name = "vintner_feed_lag_seconds"

    private static let timer = Timer(label: name)

    static func record(since moment: ContinuousClock.Instant) {
        timer.recordNanoseconds(Int64((ContinuousClock.now - moment) / .nanoseconds(1)))
    }
}
