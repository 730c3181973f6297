public import CoreMetrics
internal import Domain
public import Prometheus

/// What the server counts and measures. Each node counts what it does itself.
public struct ServerMetrics: Sendable {
    /// - Parameter factory: where the metrics go; nowhere if it is not given.
    public init(factory: any MetricsFactory = NOOPMetricsHandler.instance) { self.factory = factory }

    private let factory: any MetricsFactory

    private func count(_ family: MetricFamily, _ labels: [(String, String)] = [], by amount: Int = 1) {
        Counter(label: family.name, dimensions: labels, factory: factory).increment(by: amount)
    }

    private func measure(_ family: MetricFamily, _ labels: [(String, String)] = [], _ duration: Duration) {
        let nanoseconds = Int64(min(duration / .nanoseconds(1), 9e18))
        Timer(label: family.name, dimensions: labels, factory: factory).recordNanoseconds(nanoseconds)
    }

    /// A request was answered; of a stream, its beginning.
    func answered(_ operation: String, status: Int, after duration: Duration) {
        measure(Self.requestDuration, [("operation", operation), ("class", "\(status / 100)xx")], duration)
    }

    /// A job changed. It counts as ended once its log is closed, too.
    func changed(_ job: Job, from before: Job) {
        if before.startedAt == nil, let startedAt = job.startedAt {
            let wait = startedAt.milliseconds(since: job.createdAt)
            measure(Self.queueDuration, [("type", job.type.rawValue)], .milliseconds(max(0, wait)))
        }
        guard job.hasEnded, !before.hasEnded else { return }
        let labels = [("type", job.type.rawValue), ("status", job.status.rawValue)]
        count(Self.jobsFinished, labels + [("log", job.state.log.name)])
        guard let startedAt = job.startedAt, let completedAt = job.completedAt else { return }
        measure(Self.jobDuration, labels, .milliseconds(max(0, completedAt.milliseconds(since: startedAt))))
    }

    func appended(_ chunks: [UnnumberedChunk]) {
        count(Self.logLines, by: chunks.reduce(0) { $0 + $1.times.runs.reduce(0) { $0 + $1.lines } })
        count(Self.logBytes, by: chunks.reduce(0) { $0 + $1.text.utf8.count })
    }

    func lostLease() { count(Self.leasesLost) }

    /// A user went one step further to end a job.
    func escalated(_ step: CancelStep) { count(Self.cancelEscalations, [("step", step.rawValue)]) }

    enum CancelStep: String, CaseIterable {
        case cancel
        case force
        case giveUp = "give_up"
    }

    func sealedEvents(_ number: Int) { count(Self.auditEvents, by: number) }
}

extension Job {
    fileprivate var hasEnded: Bool { status.isTerminal && state.log != .open }
}

// MARK: - Families

extension ServerMetrics {
    static let requestDuration = MetricFamily(
        "vintner_http_request_duration_seconds", .histogram([0.005, 0.02, 0.1, 0.5, 2, 10]),
        "Time from a request to its response; of a stream, to its beginning.")
    static let queueDuration = MetricFamily(
        "vintner_job_queue_duration_seconds", .histogram([0.1, 1, 5, 30, 120, 600, 3600]),
        "Time from a job's creation to its start.")
    static let jobDuration = MetricFamily(
        "vintner_job_duration_seconds", .histogram([5, 15, 60, 300, 900, 3600, 14_400]),
        "Time from a job's start to its end.")
    static let jobsFinished = MetricFamily(
        "vintner_jobs_finished_total", .counter,
        "Jobs that ended on this node, by status and by the state of their log.",
        initial: JobType.allCases.flatMap { type in
            JobStatus.allCases.filter(\.isTerminal).map { status in
                [("type", type.rawValue), ("status", status.rawValue), ("log", LogState.complete.name)]
            }
        })
    static let logLines = MetricFamily(
        "vintner_log_lines_total", .counter, "Lines of logs that were stored.", initial: [[]])
    static let logBytes = MetricFamily(
        "vintner_log_bytes_total", .counter, "Bytes of logs that were stored.", initial: [[]])
    static let leasesLost = MetricFamily(
        "vintner_leases_lost_total", .counter,
        "Leases that were taken from Tendrils, or that a Tendril did not know of.",
        initial: [[]])
    static let cancelEscalations = MetricFamily(
        "vintner_cancel_escalations_total", .counter,
        "How often users canceled a job, forced a cancel, or gave up a job.",
        initial: CancelStep.allCases.map { [("step", $0.rawValue)] })
    static let auditEvents = MetricFamily(
        "vintner_audit_events_total", .counter, "Audit events that this node put into the hash chain.", initial: [[]])
    static let commitDuration = MetricFamily(
        "vintner_store_commit_duration_seconds", .histogram([0.001, 0.005, 0.02, 0.1, 0.5, 2]),
        "Time that a commit takes, from its beginning to its end.")
    static let feedLag = MetricFamily(
        "vintner_feed_lag_seconds", .histogram([0.002, 0.01, 0.05, 0.2, 1, 5]),
        "Time from the commit of a log's rows until they are handed to the connections of their followers.")

    static let buildInfo = MetricFamily("vintner_build_info", .gauge, "The version of the program; always 1.")
    static let jobs = MetricFamily("vintner_jobs", .gauge, "Jobs that have not ended, by status.")
    static let oldestQueued = MetricFamily(
        "vintner_oldest_queued_job_timestamp_seconds", .gauge,
        "When the oldest queued job was created, in seconds since 1970; absent without one.")
    static let tendrils = MetricFamily("vintner_tendrils", .gauge, "Tendrils, by status.")
    static let followers = MetricFamily(
        "vintner_feed_followers", .gauge, "Open connections of this node that follow jobs, by transport.")

    /// All families, for the registry.
    public static let families = [
        requestDuration, queueDuration, jobDuration, jobsFinished, logLines, logBytes, leasesLost, cancelEscalations,
        auditEvents, commitDuration, feedLag, buildInfo, jobs, oldestQueued, tendrils, followers,
    ]
}
