/// The forecasts that were made while a job ran, so that they can be compared with its end. Pure.
///
/// Once there are too many, every second one is dropped, and later ones are kept as far apart as the rest: they stay
/// spread over the job's time.
public struct ForecastRecord: Hashable, Codable, Sendable {
    public struct Entry: Hashable, Codable, Sendable {
        public var madeAt: Timestamp
        public var endsAt: Timestamp

        public init(madeAt: Timestamp, endsAt: Timestamp) {
            self.madeAt = madeAt
            self.endsAt = endsAt
        }
    }

    /// The maximum number of entries.
    public static let maximumCount = 64

    /// By the time at which they were made.
    public private(set) var entries: [Entry] = []
    /// Milliseconds between two entries, at least.
    private var gap: Int64 = 1

    public init() {}

    public mutating func add(_ entry: Entry) {
        guard entries.last.map({ entry.madeAt.milliseconds(since: $0.madeAt) >= gap }) ?? true else { return }
        entries.append(entry)
        guard entries.count > Self.maximumCount, let first = entries.first, let last = entries.last else { return }
        entries = entries.indices.filter { $0.isMultiple(of: 2) }.map { entries[$0] }
        gap = max(gap, last.madeAt.milliseconds(since: first.madeAt) / Int64(entries.count))
    }

    /// The last forecast that was made by half of the time from `start` to `end`; nil if there was none by then.
    public func atHalf(from start: Timestamp, to end: Timestamp) -> Entry? {
        let half = start.advanced(by: end.milliseconds(since: start) / 2)
        return entries.last { $0.madeAt <= half && $0.madeAt >= start }
    }
}

/// What a job's forecast at half of its time said, and what happened.
public struct ForecastResult: Hashable, Sendable {
    public var job: JobID
    public var vine: VineID
    public var startedAt: Timestamp
    /// When the forecast was made.
    public var madeAt: Timestamp
    /// When the job would end, by the forecast.
    public var expectedAt: Timestamp
    public var endedAt: Timestamp

    public init(
        job: JobID, vine: VineID, startedAt: Timestamp, madeAt: Timestamp, expectedAt: Timestamp, endedAt: Timestamp
    ) {
        self.job = job
        self.vine = vine
        self.startedAt = startedAt
        self.madeAt = madeAt
        self.expectedAt = expectedAt
        self.endedAt = endedAt
    }

    /// How many of the newest results are looked through for those of some vines.
    public static let searched = 5000

    /// nil for a job that did not succeed (its end says nothing about its forecast), and without a forecast in time.
    public init?(_ job: Job, record: ForecastRecord) {
        guard job.status == .success, let start = job.startedAt, let end = job.completedAt, end > start,
            let entry = record.atHalf(from: start, to: end)
        else { return nil }
        self.init(
            job: job.id, vine: job.vine, startedAt: start, madeAt: entry.madeAt, expectedAt: entry.endsAt, endedAt: end)
    }

    /// By how much of the job's whole time the forecast missed the end: 0.25 is a quarter, early or late.
    public var error: Double {
        Double(abs(expectedAt.milliseconds(since: endedAt))) / Double(max(1, endedAt.milliseconds(since: startedAt)))
    }
}

/// How good forecasts have been. Pure.
public struct ForecastAccuracy: Hashable, Sendable {
    /// How many jobs are looked at.
    public static let jobs = 50

    public var count: Int
    public var median: Double?
    /// 9 of 10 errors are not larger.
    public var p90: Double?

    public init(_ errors: [Double]) {
        count = errors.count
        guard let found = errors.medianAndP90 else { return }
        (median, p90) = found
    }
}

extension Array where Element: Comparable {
    /// The middle one of all, and the least that 9 of 10 do not exceed; nil for none.
    var medianAndP90: (median: Element, p90: Element)? {
        guard !isEmpty else { return nil }
        let sorted = sorted()
        return (sorted[(count - 1) / 2], sorted[(count * 9 + 9) / 10 - 1])
    }
}

/// When a queued job will probably start. Pure.
public enum StartForecast {
    /// - Parameters:
    ///   - free: when each of the places that it may take becomes free; nil where that is not known.
    ///   - ahead: how long the jobs that take a place before it usually run; nil where that is not known.
    /// - Returns: nil if it can't be known.
    public static func start(free: [Timestamp?], ahead: [Int64?], at now: Timestamp) -> Timestamp? {
        let known = free.compactMap(\.self)
        // A place of which nothing is known may become free earlier, so only all of them give an answer.
        guard !known.isEmpty, known.count == free.count else { return nil }
        var places = known.map { max($0, now) }
        for duration in ahead {
            guard let duration, let first = places.indices.min(by: { places[$0] < places[$1] }) else { return nil }
            places[first] = places[first].advanced(by: max(0, duration))
        }
        return places.min()
    }
}
