internal import Domain

/// Decides when the groups of those who use Vintner are read again at the identity provider.
///
/// It has no clock and does no I/O. `Key` is a credential in use. What was not used for a while is forgotten, so the load
/// on the provider follows from how many people use Vintner at the moment: one reading per credential and interval, never
/// two at once, and fewer and fewer while the provider fails.
struct RefreshSchedule<Key: Hashable & Sendable>: Sendable {
    /// All in milliseconds.
    struct Timing: Hashable, Sendable {
        /// Between two readings for a credential in use.
        var interval: Int64 = 8000
        /// A request waits for a reading if the last one is longer ago than this.
        var limit: Int64 { interval + 4000 }
        /// A credential is in use for this long after a request; one with an open feed always is.
        var inUse: Int64 = 30_000
        /// Until it is asked again whether there is something to read for a credential.
        var exemption: Int64 = 60_000
        /// Until it is asked again whether another node is done.
        var elsewhere: Int64 = 1000
        /// The longest pause between two attempts while the provider does not answer. The first pause is one interval;
        /// each is twice the one before.
        var longestPause: Int64 = 60_000

        /// The pause after this many failed attempts in a row.
        func pause(afterFailures count: Int) -> Int64 {
            min(interval << min(max(count - 1, 0), 16), max(longestPause, interval))
        }
    }

    enum Outcome: Hashable, Sendable {
        /// The groups are those of this moment.
        case confirmed(at: Timestamp)
        /// There is nothing to read: a local account, or no refresh token.
        case exempt
        /// Another node reads them now.
        case elsewhere
        /// The provider did not answer. Rights are kept.
        case failed
        /// The credential has ended.
        case ended
    }

    enum Answer: Hashable, Sendable {
        /// What is known is good enough.
        case proceed
        /// The caller reads now, and then calls ``finish(_:_:at:)``.
        case read
        /// A reading is under way.
        case wait
    }

    private struct Entry {
        var usedAt: Timestamp
        var confirmedAt: Timestamp?
        var isExempt = false
        var isReading = false
        var failures = 0
        var next: Timestamp
    }

    /// More credentials are not followed at a time: those that were used longest ago are forgotten.
    static var capacity: Int { 20_000 }

    let timing: Timing
    private var entries: [Key: Entry] = [:]

    init(_ timing: Timing) { self.timing = timing }

    /// The credentials in use.
    var count: Int { entries.count }

    /// A request came with this credential.
    mutating func use(_ key: Key, at now: Timestamp) -> Answer {
        touch(key, at: now)
        guard var entry = entries[key] else { return .proceed }
        if entry.isExempt, now < entry.next { return .proceed }
        if let confirmed = entry.confirmedAt, (0...timing.limit).contains(now.milliseconds(since: confirmed)) {
            return .proceed
        }
        if entry.isReading { return .wait }
        guard now >= entry.next else { return .proceed }
        entry.isReading = true
        entries[key] = entry
        return .read
    }

    /// A feed is open with this credential.
    mutating func touch(_ key: Key, at now: Timestamp) {
        if entries[key] == nil, entries.count >= Self.capacity { forgetOldest() }
        entries[key, default: Entry(usedAt: now, next: now)].usedAt = now
    }

    /// The credentials to read now, those that wait longest first; no more than `width` are read at a time. Forgets those
    /// that are no longer in use.
    mutating func due(at now: Timestamp, width: Int) -> [Key] {
        entries = entries.filter { $0.value.isReading || now.milliseconds(since: $0.value.usedAt) < timing.inUse }
        let free = width - entries.count { $0.value.isReading }
        guard free > 0 else { return [] }
        let due = entries.filter { !$0.value.isReading && $0.value.next <= now }
            .sorted { $0.value.next < $1.value.next }.prefix(free).map(\.key)
        for key in due { entries[key]?.isReading = true }
        return due
    }

    mutating func finish(_ key: Key, _ outcome: Outcome, at now: Timestamp) {
        guard var entry = entries[key] else { return }
        entry.isReading = false
        entry.isExempt = outcome == .exempt
        entry.failures = outcome == .failed ? entry.failures + 1 : 0
        switch outcome {
        case .confirmed(let time):
            entry.confirmedAt = time
            entry.next = time.advanced(by: timing.interval)
        case .exempt: entry.next = now.advanced(by: timing.exemption)
        case .elsewhere: entry.next = now.advanced(by: timing.elsewhere)
        case .failed: entry.next = now.advanced(by: timing.pause(afterFailures: entry.failures))
        case .ended:
            entries[key] = nil
            return
        }
        entries[key] = entry
    }

    private mutating func forgetOldest() {
        let order = entries.filter { !$0.value.isReading }.sorted { $0.value.usedAt < $1.value.usedAt }
        for (key, _) in order.prefix(max(1, Self.capacity / 4)) { entries[key] = nil }
    }
}
